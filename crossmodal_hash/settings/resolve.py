"""Merges settings from layers: recipe, file, `--set` and flags, with the origin of every value.

Precedence, lowest first: defaults, recipe, its `[frozen]` table when the backbone is frozen, file, `--set`, flags.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.settings.flags import PART_FLAGS, Flags, flag_layers, parse_set
from crossmodal_hash.settings.layers import Layer, Origins, Recipe, flatten, merge, nest, read_recipe, read_toml
from crossmodal_hash.settings.schema import Settings, check, named, with_default_parts
from crossmodal_hash.settings.unused import Found, Unused, reason, unused, without


def idle_in(recipe: Recipe) -> Iterator[tuple[str, Any, Unused]]:
    """Settings in the file of a recipe that none of its forms uses: key, value and reason.

    The forms are the published one and the one on a frozen backbone. A setting that `[frozen]` overrides is used in the
    published form, and the overriding setting may make settings of a base unused: neither is a mistake.
    """
    body = {key: value for key, value in recipe.values.items() if key != "frozen"}
    frozen = recipe.values.get("frozen", {})
    published, cached = _unused_alone(body, freeze=False), _unused_alone(merge(body, frozen), freeze=True)
    replaced = dict(flatten(_expanded(frozen)))
    for key, value in flatten(_expanded({k: v for k, v in recipe.own.items() if k != "frozen"})):
        why = reason(key, published)
        if why is not None and (key in replaced or reason(key, cached)):
            yield key, value, why
    for key, value in flatten(_expanded(recipe.own.get("frozen", {}))):
        why = reason(key, cached)
        if why is not None:
            yield key, value, why


def _unused_alone(values: Mapping[str, Any], *, freeze: bool) -> Found:
    """The settings that a recipe alone does not use; empty if the recipe is not complete."""
    train = {"freeze_backbone": freeze or bool(values.get("closed_form"))}
    try:
        return unused(check(with_default_parts(merge({"train": train}, values))))
    except SettingsError:
        return {}


class Resolved(NamedTuple):
    """Checked settings, the origin of each value, and the settings that no chosen part uses, which have defaults."""

    recipe: str
    settings: Settings
    origins: Origins
    unused: Found

    def entries(self) -> dict[str, dict[str, Any]]:
        """Dotted key -> value and origin, as in `config.json`, without unused settings."""
        return {
            key: {"value": value, "origin": self.origins.get(key, "default")}
            for key, value in flatten(self.settings.model_dump(mode="json"))
            if reason(key, self.unused) is None
        }


def resolve(
    recipe: str = "default",
    *,
    file: Path | None = None,
    sets: Sequence[str] = (),
    flags: Flags | None = None,
    frozen_by_default: bool = True,
    extra: Sequence[Layer] = (),
) -> Resolved:
    """All layers, merged and checked.

    Args:
        recipe: name of a shipped recipe or path of a TOML file.
        file: a TOML file of settings that override the recipe's.
        sets: `KEY=VALUE` texts.
        flags: flag of `chash train` without its dashes -> value; None means not given.
        frozen_by_default: whether the backbone is frozen if it is not set.
        extra: layers between the recipe and the file, such as settings required by the data.

    Raises:
        SettingsError: with all problems in one message.
        UnknownComponentError: for an unknown recipe.
    """
    read = read_recipe(recipe)
    name, body = read.name, dict(read.values)
    frozen_table = body.pop("frozen", {})
    check_tables({"frozen": frozen_table})
    user = [Layer(f"file {file}", read_toml(file))] if file else []
    user.append(Layer("--set", parse_set(sets)))
    given = cast(Flags, {key: value for key, value in (flags or {}).items() if value is not None})
    said = [_freezing(values) for values in (body, *(layer.values for layer in user))] + [given.get("freeze_backbone")]
    frozen = next((bool(value) for value in reversed(said) if value is not None), frozen_by_default)

    layers = [Layer(f"recipe {name}", body)]
    if frozen:
        layers.append(Layer(f"recipe {name} [frozen]", frozen_table))
    layers += extra
    values: dict[str, Any] = {}
    origins: Origins = {}

    def put(layer: Layer) -> None:
        nonlocal values
        before = dict(flatten(_expanded(values)))
        values = merge(values, layer.values)
        said = dict(flatten(_expanded(layer.values)))
        for key, value in flatten(_expanded(values)):
            if before.get(key) != value or key in said:
                origins[key] = layer.origin
        # Only now: the name of a part that nobody names is nobody's but the default's.
        values = with_default_parts(values)

    for layer in layers:
        put(layer)
    check_tables(values)
    # A flag that names a part drops the parameters of the part it replaces. It is applied before what the user sets, or
    # it would drop those too, and again at the end, where flags win; a file may still make room for it in between.
    with suppress(SettingsError):
        for layer in flag_layers(values, cast(Flags, {f: v for f, v in given.items() if f in PART_FLAGS}), name):
            put(layer)
    for layer in user:
        put(layer)
    check_tables(values)
    for layer in flag_layers(values, given, name):
        put(layer)
    if values.get("train", {}).get("freeze_backbone") is None:
        put(Layer("default", nest("train.freeze_backbone", frozen or bool(values.get("closed_form")))))
    settings = check(values)
    found = unused(settings)
    given_values = dict(flatten(_expanded(values)))
    wrong = [why.refusal(key, given_values.get(key), origins[key]) for key, why in _idle(settings, origins, found)]
    if not read.shipped:
        wrong += [why.refusal(key, value, f"recipe {name}") for key, value, why in idle_in(read) if reason(key, found)]
    if wrong:
        raise SettingsError("; ".join(wrong))
    return Resolved(name, without(settings, found), origins, found)


def _idle(settings: Settings, origins: Origins, found: Found) -> Iterator[tuple[str, Unused]]:
    """Settings of the user that nothing uses, including those of a term of weight 0.

    A recipe may contain such a term so that it can be switched on; this is not a mistake, and it is shown with its
    weight. Nor is it one to set something in a term that only these data leave out.
    """
    given = [key for key, origin in origins.items() if is_users(origin)]
    off = [
        name
        for name, term in settings.terms.items()
        if term.weight == 0 and not origins.get(f"terms.{name}.weight", "").startswith(("--", "file ", "data: "))
    ]
    for key in given:
        table, name, *rest = [*key.split("."), ""]
        if why := reason(key, found):
            yield key, why
        elif table == "terms" and name in off and rest[0] != "graded":
            weight = f"terms.{name}.weight"
            yield key, Unused(f"{weight} = 0 leaves the term out", f"set {weight} too")


def is_users(origin: str) -> bool:
    """Whether a value comes from an option or the user's file of settings, not from recipe, data or default."""
    return origin.startswith(("--", "file "))


def check_tables(values: Mapping[str, Any]) -> None:
    """Reject a plain value where a table is needed, because a flag or a default would silently replace it.

    Raises:
        SettingsError: naming the table.
    """
    for key in ("data", "train", "towers", "terms", "frozen"):
        table = values.get(key, {})
        inner = table.items() if isinstance(table, Mapping) and key in ("towers", "terms") else ()
        for where, value in [(key, table), *((f"{key}.{name}", value) for name, value in inner)]:
            if not isinstance(value, Mapping):
                raise SettingsError(f"{where} = {value!r} is not a table of settings; set one in it: {where}.KEY")


def _freezing(values: Mapping[str, Any]) -> Any:
    train = values.get("train")
    return train.get("freeze_backbone") if isinstance(train, Mapping) else None


PARTS = ("backbone", "pooling", "fusion", "head", "loss", "criterion", "closed_form", "reader")


def _expanded(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with every part as a table, so that its name always has the same key."""
    return {
        key: named(value) if key in PARTS else _expanded(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
    }


RENAMED = {"data.reader.unlabelled": "data.reader.unlabeled"}
"""Keys of version 0.1 that have a new spelling."""


def from_entries(entries: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Settings from the output of `Resolved.entries`, of this or an earlier version."""
    values: dict[str, Any] = {}
    for key, entry in entries.items():
        values = merge(values, nest(RENAMED.get(key, key), entry["value"]))
    return check(values)
