"""Settings in layers: recipe, file, `--set` and flags, merged, with the origin of every value.

Precedence, lowest first: defaults, recipe, its `[frozen]` table when the backbone is frozen, file, `--set`, flags.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from crossmodal_hash.errors import SettingsError, UnknownComponentError, did_you_mean
from crossmodal_hash.recipes import recipes
from crossmodal_hash.registry import normalise
from crossmodal_hash.settings import Settings, check, named, with_default_parts
from crossmodal_hash.unused import Found, Unused, reason, unused, without


class Layer(NamedTuple):
    """Some settings and where they come from."""

    origin: str
    values: dict[str, Any]


Origins = dict[str, str]


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` on top, table by table; a part under another name is replaced whole.

    Example:
        >>> merge({"fusion": {"name": "bbi", "rank": 8}}, {"fusion": {"rank": 16}})
        {'fusion': {'name': 'bbi', 'rank': 16}}
        >>> merge({"fusion": {"name": "bbi", "rank": 8}}, {"fusion": "last"})
        {'fusion': {'name': 'last'}}
    """
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        # `fusion = "bbi"` and `fusion.rank = 16` must meet: a name is short for a table.
        if isinstance(old, Mapping) and "name" in old and isinstance(value, str):
            value = {"name": value}
        elif isinstance(old, str) and isinstance(value, Mapping):
            old = {"name": old}
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            replaced = "name" in value and normalise(str(value["name"])) != normalise(
                str(old.get("name", value["name"]))
            )
            out[key] = dict(value) if replaced else merge(old, value)
        else:
            out[key] = value
    return out


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and leaves, in order."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def nest(key: str, value: Any) -> dict[str, Any]:
    """`nest("a.b", 1)` -> `{"a": {"b": 1}}`."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a table.

    Raises:
        SettingsError: if it is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read settings from {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error


class Recipe(NamedTuple):
    """A recipe as it was read.

    Attributes:
        name: what origins call it.
        values: its settings, `[frozen]` and those of its base included.
        own: what its file says itself.
        shipped: whether it comes with the package; otherwise the user wrote it.
    """

    name: str
    values: dict[str, Any]
    own: dict[str, Any]
    shipped: bool


def read_recipe(name: str) -> Recipe:
    """A shipped recipe by name, or a TOML file by path, with the one recipe it builds on merged in.

    Raises:
        UnknownComponentError: no recipe of that name and no such file.
        SettingsError: a base that is unknown or itself has a base.
    """
    shipped = recipes()
    path = shipped.get(normalise(name))
    is_shipped = path is not None
    if path is None:
        if not name.endswith(".toml"):
            raise UnknownComponentError("recipe", name, shipped)
        path = Path(name)
    values = own = read_toml(path)
    base = own.pop("base", None)
    if base is not None:
        if not isinstance(base, str) or base not in shipped:
            raise SettingsError(f"recipe {name} builds on unknown recipe {base!r}.{did_you_mean(str(base), shipped)}")
        below = read_toml(shipped[base])
        if "base" in below:
            raise SettingsError(
                f"recipe {name} builds on {base}, which builds on {below['base']}; one step is the limit"
            )
        values = merge(below, own)
    return Recipe(path.stem, values, own, is_shipped)


def idle_in(recipe: Recipe) -> Iterator[tuple[str, Any, Unused]]:
    """What the file of a recipe sets itself although no form of it uses it: key, value and reason.

    Its forms are the one as published and the one on a frozen backbone. What `[frozen]` cancels is used as published,
    and what it is cancelled by may leave a base's settings without use: neither is anybody's mistake.
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
    """What a recipe does not use when nobody adds to it; nothing is known of one that is not whole."""
    train = {"freeze_backbone": freeze or bool(values.get("closed_form"))}
    try:
        return unused(check(with_default_parts(merge({"train": train}, values))))
    except SettingsError:
        return {}


def parse_value(text: str) -> Any:
    """The right side of `--set KEY=VALUE` as TOML, or as plain text; nothing is evaluated.

    Example:
        >>> parse_value("1e-4"), parse_value("[1, 2]"), parse_value("pairwise-nll"), parse_value("true")
        (0.0001, [1, 2], 'pairwise-nll', True)
    """
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text


def parse_part(text: str) -> dict[str, Any]:
    """A component by name, with parameters after commas.

    Raises:
        SettingsError: for a parameter without `=`.

    Example:
        >>> parse_part("nuswide,classes=10")
        {'name': 'nuswide', 'classes': 10}
    """
    name, *params = text.split(",")
    part: dict[str, Any] = {"name": name.strip()}
    for param in params:
        key, equals, value = param.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"{text!r} is not NAME or NAME,KEY=VALUE,...: {param!r} is no KEY=VALUE")
        part[key.strip()] = parse_value(value.strip())
    return part


def parse_set(assignments: Sequence[str]) -> dict[str, Any]:
    """`--set` options as one table.

    Raises:
        SettingsError: for an option without `=`.
    """
    out: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"--set {assignment!r} is not KEY=VALUE, such as --set train.epochs=10")
        out = merge(out, nest(key.strip(), parse_value(value.strip())))
    return out


def _set_in_towers(values: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    return {"towers": {modality: nest(key, value) for modality in values.get("towers", {})}}


def _similarity(values: Mapping[str, Any], name: str, recipe: str) -> dict[str, Any]:
    terms: Mapping[str, Any] = values.get("terms", {})
    graded = [key for key, term in terms.items() if term.get("graded")]
    if not graded:
        raise SettingsError(
            f"recipe {recipe} has no graded term for --sim {name}; choose another with --recipe, such as hsidhn"
        )
    others = [
        key for key, term in terms.items() if term.get("criterion") and key not in graded and term.get("weight", 1)
    ]
    if normalise(name) == "hard" and others:
        return {"terms": {key: {"weight": 0.0} for key in graded}}
    # A recipe may carry its graded term switched off; naming a criterion switches it on.
    on = {key: terms[key].get("weight", 1.0) or 1.0 for key in graded}
    return {"terms": {key: {"criterion": {"name": name}, "weight": on[key]} for key in graded}}


def _leading_loss(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    terms: Mapping[str, Any] = values.get("terms", {})
    compared = sorted(
        (bool(term.get("graded")), i, key) for i, (key, term) in enumerate(terms.items()) if term.get("criterion")
    )
    if not compared:
        raise SettingsError(f"the recipe has no term with a criterion whose loss --loss {name} could replace")
    return {"terms": {compared[0][2]: {"loss": {"name": name}}}}


def flag_layers(values: Mapping[str, Any], flags: Mapping[str, Any], recipe: str) -> Iterator[Layer]:
    """The settings each flag of `chash train` stands for, given what the recipe says so far.

    Raises:
        SettingsError: a flag the recipe has no place for.
    """
    for flag, value in flags.items():
        if value is None:
            continue
        origin = f"--{flag.replace('_', '-')}"
        if flag in ("fusion", "sim", "loss", "epochs") and values.get("closed_form"):
            raise _nothing_to_set(values, recipe, f"{origin} {value}")
        match flag:
            case "backbone" | "weights" | "text":
                modality = "text" if flag == "text" else "image"
                if modality not in values.get("towers", {}):
                    raise SettingsError(f"recipe {recipe} has no {modality} tower for {origin} {value}")
                key = "backbone.weights" if flag == "weights" else "backbone.name"
                yield Layer(origin, nest(f"towers.{modality}.{key}", value))
            case "fusion":
                yield Layer(origin, _set_in_towers(values, "fusion.name", value))
            case "sim":
                yield Layer(origin, _similarity(values, value, recipe))
            case "loss":
                yield Layer(origin, _leading_loss(values, value))
            case "epochs":
                yield Layer(origin, nest("train.epochs", value))
            case "freeze_backbone":
                yield Layer(origin if value else "--no-freeze-backbone", nest("train.freeze_backbone", value))
            case "data":
                yield Layer(origin, nest("data.path", value))
            case "reader":
                yield Layer(origin, nest("data.reader", parse_part(value) if isinstance(value, str) else value))
            case "query" | "train" | "split" | "skip_bad":
                yield Layer(origin, nest(f"data.{flag}", value))
            case _:
                yield Layer(origin, {flag: value})


class Resolved(NamedTuple):
    """Checked settings, where each value came from, and what no chosen part uses, which has its default."""

    recipe: str
    settings: Settings
    origins: Origins
    unused: Found

    def entries(self) -> dict[str, dict[str, Any]]:
        """Dotted key -> value and origin: what `config.json` holds. What is not used is left out."""
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
    flags: Mapping[str, Any] | None = None,
    frozen_by_default: bool = True,
    extra: Sequence[Layer] = (),
) -> Resolved:
    """All layers, merged and checked.

    Args:
        recipe: name of a shipped recipe or path of a TOML file.
        file: a TOML file of settings over the recipe's.
        sets: `KEY=VALUE` texts.
        flags: flag of `chash train` without its dashes -> value; none means not given.
        frozen_by_default: whether the backbone is frozen where nobody says.
        extra: layers between the recipe and the file, such as what the data asks for.

    Raises:
        SettingsError: everything that is wrong, in one message.
        UnknownComponentError: no such recipe.
    """
    read = read_recipe(recipe)
    name, body = read.name, dict(read.values)
    frozen_table = body.pop("frozen", {})
    check_tables({"frozen": frozen_table})
    user = [Layer(f"file {file}", read_toml(file))] if file else []
    user.append(Layer("--set", parse_set(sets)))
    given = {key: value for key, value in (flags or {}).items() if value is not None}
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
        for layer in flag_layers(values, {flag: given[flag] for flag in PART_FLAGS if flag in given}, name):
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
    """What the user set beside the recipe although nothing uses it, a term of weight 0 included.

    A recipe carries such a term for whoever switches it on, so it is no mistake there and is shown with its weight.
    """
    given = [key for key, origin in origins.items() if _is_users(origin)]
    off = [name for name, term in settings.terms.items() if term.weight == 0 and f"terms.{name}.weight" not in given]
    for key in given:
        table, name, *rest = [*key.split("."), ""]
        if why := reason(key, found):
            yield key, why
        elif table == "terms" and name in off and rest[0] != "graded":
            weight = f"terms.{name}.weight"
            yield key, Unused(f"{weight} = 0 leaves the term out", f"set {weight} too")


def _is_users(origin: str) -> bool:
    """Whether a value comes from an option or the user's file of settings, and not from recipe, data or default."""
    return origin.startswith(("--", "file "))


def _nothing_to_set(values: Mapping[str, Any], recipe: str, what: str) -> SettingsError:
    method = named(values["closed_form"])["name"]
    return SettingsError(
        f"recipe {recipe} fits {method} in closed form and has no use for {what}; leave it out, or choose a recipe "
        f"that is trained, such as hsidhn"
    )


PART_FLAGS = ("backbone", "text", "fusion", "sim", "loss")


def check_tables(values: Mapping[str, Any]) -> None:
    """Refuse a plain value where a table is needed: a flag, or a default, would silently take its place.

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
    """`values` with every part written as a table, so that its name has the same key however it was given."""
    return {
        key: named(value) if key in PARTS else _expanded(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
    }


def from_entries(entries: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Settings from what `Resolved.entries` wrote."""
    values: dict[str, Any] = {}
    for key, entry in entries.items():
        values = merge(values, nest(key, entry["value"]))
    return check(values)
