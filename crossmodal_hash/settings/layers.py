"""Settings as tables: read from TOML and recipes, flattened to dotted keys, and merged."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from crossmodal_hash.errors import SettingsError, UnknownComponentError, did_you_mean
from crossmodal_hash.recipes import recipes
from crossmodal_hash.registry import normalize


class Layer(NamedTuple):
    """Some settings and their origin."""

    origin: str
    values: dict[str, Any]


Origins = dict[str, str]


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` overridden by `over`, table by table; a part with another name is replaced as a whole.

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
            replaced = "name" in value and normalize(str(value["name"])) != normalize(
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
        raise SettingsError(
            f"cannot read settings from {path} ({error.strerror}); give the path of a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error


class Recipe(NamedTuple):
    """A recipe that was read.

    Attributes:
        name: name in origins.
        values: its settings, including `[frozen]` and those of its base.
        own: the settings in its own file.
        shipped: whether it is part of the package; otherwise the user wrote it.
    """

    name: str
    values: dict[str, Any]
    own: dict[str, Any]
    shipped: bool


def read_recipe(name: str) -> Recipe:
    """A shipped recipe by name, or a TOML file by path, merged with the recipe that it builds on.

    Raises:
        UnknownComponentError: if there is neither such a recipe nor such a file.
        SettingsError: for a base that is unknown or has a base itself.
    """
    shipped = recipes()
    path = shipped.get(normalize(name))
    is_shipped = path is not None
    if path is None:
        if not name.endswith(".toml"):
            raise UnknownComponentError("recipe", name, shipped)
        path = Path(name)
    values = own = read_toml(path)
    base = own.pop("base", None)
    if base is not None:
        if not isinstance(base, str) or base not in shipped:
            raise SettingsError(f"recipe {name} builds on unknown recipe {base!r}{did_you_mean(str(base), shipped)}")
        below = read_toml(shipped[base])
        if "base" in below:
            raise SettingsError(
                f"recipe {name} builds on {base}, which builds on {below['base']}; only one level is allowed"
            )
        values = merge(below, own)
    return Recipe(path.stem, values, own, is_shipped)
