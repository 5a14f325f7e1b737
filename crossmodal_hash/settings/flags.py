"""Command-line options as settings: `--set KEY=VALUE`, and the settings of each flag of `chash train`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.registry import normalize
from crossmodal_hash.settings.layers import Layer, merge, nest
from crossmodal_hash.settings.schema import Named, named


class TrainFlags(TypedDict, total=False):
    """The flags of `chash train` without their dashes, for data that is already loaded; None means not given."""

    backbone: str | None
    """Backbone of pictures, by name."""
    text: str | None
    """Backbone of texts, by name."""
    weights: str | None
    """Weights of the image backbone: `imagenet`, `none` or a path."""
    fusion: str | None
    """How levels become one vector, by name, in every tower."""
    sim: str | None
    """Criterion of the graded term, by name; `hard` removes the term."""
    loss: str | None
    """Loss of the leading pairwise term, by name."""
    bits: int | None
    """Code length K."""
    epochs: int | None
    """Passes over the training items."""
    seed: int | None
    """Seed of split, initial weights and order."""
    device: str | None
    """auto, cpu, cuda or cuda:N."""
    reader: str | Mapping[str, Any] | None
    """Layout of the data, with parameters after commas; None: detected."""
    skip_bad: bool | None
    """Leave out items without text or with a picture that cannot be read."""
    query: int | None
    """Query items."""
    train: int | None
    """Training items."""
    split: str | None
    """JSON of ids instead of a random split."""
    freeze_backbone: bool | None
    """Train on cached features."""


class Flags(TrainFlags, total=False):
    """All flags of `chash train` that are settings, for the library and the bench."""

    data: str | None
    """Folder, archive or file; None: the embedded drawings."""


PART_FLAGS = ("backbone", "text", "fusion", "sim", "loss")
"""Flags that name a part, and therefore drop the parameters of the part that they replace."""


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
            raise SettingsError(f"{text!r} is not NAME or NAME,KEY=VALUE,...: {param!r} is not KEY=VALUE")
        part[key.strip()] = parse_value(value.strip())
    return part


def read_part(text: str) -> Named:
    """The result of `parse_part` in the form of settings.

    Raises:
        SettingsError: for a parameter without `=`.
    """
    return Named(**parse_part(text))


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
    if normalize(name) == "hard" and others:
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


def flag_layers(values: Mapping[str, Any], flags: Flags, recipe: str) -> Iterator[Layer]:
    """The settings of each flag of `chash train`, given the recipe's settings.

    Raises:
        SettingsError: for a flag that does not apply to the recipe.
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
                yield Layer(origin, _similarity(values, str(value), recipe))
            case "loss":
                yield Layer(origin, _leading_loss(values, str(value)))
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


def _nothing_to_set(values: Mapping[str, Any], recipe: str, what: str) -> SettingsError:
    method = named(values["closed_form"])["name"]
    return SettingsError(
        f"recipe {recipe} fits {method} in closed form and does not use {what}; leave it out, or choose a recipe "
        f"that is trained, such as hsidhn"
    )
