"""Resolves names to objects. Built-ins are strings in a table, third-party components are entry points."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from configparser import Error as UnreadableEntryPoints
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from crossmodal_hash.errors import BrokenPluginError, SettingsError, UnknownComponentError, did_you_mean

if TYPE_CHECKING:
    import entrypoints

T = TypeVar("T")
BUILT_IN, HERE = "crossmodal-hash", "this program"


@dataclass(frozen=True)
class Found:
    """A registered name, before anything is imported.

    Attributes:
        name: registry name, normalized.
        target: `package.module:Class`.
        origin: the distribution it comes from, with its version.
    """

    name: str
    target: str
    origin: str

    def summary(self) -> str:
        """First docstring line of the target, read from its source without importing it; empty if not found."""
        module, _, attribute = self.target.partition(":")
        try:
            file = source_of(module)
            tree = ast.parse(file.read_text(encoding="utf-8")) if file else None
        except (ImportError, ValueError, OSError, SyntaxError):
            return ""
        for node in tree.body if tree else []:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
                return (ast.get_docstring(node) or "").partition("\n")[0]
        return ""


def source_of(module: str) -> Path | None:
    """The file `module` would be imported from, if there is one.

    `find_spec` imports the parent packages of a module, so it is called only for the top-level name.
    """
    top, *inner = module.split(".")
    spec = importlib.util.find_spec(top)
    for name in inner:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{name}", list(spec.submodule_search_locations))
    return Path(spec.origin) if spec and spec.origin else None


def normalize(name: str) -> str:
    """Registry spelling: lower case, hyphens. `Pairwise_NLL` -> `pairwise-nll`."""
    return name.strip().lower().replace("_", "-")


def split_name(name: str) -> tuple[str, str | None]:
    """Split at the first colon: the registry name, and a value for the component.

    Example:
        >>> split_name("timm:resnet18"), split_name("mlp")
        (('timm', 'resnet18'), ('mlp', None))
    """
    base, colon, argument = name.partition(":")
    return base, argument if colon else None


def discover(group: str) -> list[Found]:
    """Every entry point of `group`, found without importing any of them.

    The environment variable CHASH_PLUGINS=a,b allows only these distributions; an empty value allows none.
    """
    allowed = os.environ.get("CHASH_PLUGINS")
    if allowed == "":
        return []

    try:
        points = _entry_points(_search_path()).get(group, [])
    except (UnreadableEntryPoints, UnicodeDecodeError) as error:
        warnings.warn(
            f"plug-ins are not available: an installed entry_points.txt cannot be read ({error})", stacklevel=2
        )
        return []
    wanted = None if allowed is None else {normalize(name) for name in allowed.split(",")}
    found = []
    for point in points:
        # The package reads the distribution from a folder name, where hyphens have become underscores.
        name = normalize(point.distro.name) if point.distro else "unknown"
        if wanted is None or name in wanted:
            origin = f"{name} {point.distro.version or ''}".strip() if point.distro else name
            found.append(Found(normalize(point.name), f"{point.module_name}:{point.object_name}", origin))
    return found


def _search_path() -> tuple[tuple[str, int], ...]:
    """The folders searched for packages, and when each last changed: together they identify what is installed."""
    found = []
    for folder in sys.path:
        try:
            found.append((folder, Path(folder).stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(found)


@cache
def _entry_points(search_path: tuple[tuple[str, int], ...]) -> dict[str, list[entrypoints.EntryPoint]]:
    """Group -> entry points, for the groups of this package; every installed package is read once per process."""
    import entrypoints

    groups: dict[str, list[entrypoints.EntryPoint]] = {}
    for config, distribution in entrypoints.iter_files_distros([folder for folder, _ in search_path]):
        for group in config.sections():
            if not group.startswith("crossmodal_hash."):
                continue
            for name, target in config[group].items():
                with entrypoints.BadEntryPoint.err_to_warnings():
                    point = entrypoints.EntryPoint.from_string(target, name, distribution)
                    groups.setdefault(group, []).append(point)
    return groups


def parameters(cls: type) -> dict[str, Any]:
    """The parameters of a component: keyword-only parameter -> default. Torch's own *args and **kwargs do not count."""
    return {name: p.default for name, p in inspect.signature(cls).parameters.items() if p.kind is p.KEYWORD_ONLY}


class Registry(Generic[T]):
    """The names of one kind of component.

    Args:
        kind: the word used in messages and in `chash list KIND`.
        group: entry-point group through which third parties add names.
        contract: `module:Class` that every class must subclass.
        builtin: name -> `module:Class`, imported when first used.
        aliases: other spelling -> name.

    Attributes:
        loaded: the classes resolved so far, and who provides each.
        added: classes that this program has registered itself, by name.

    Example:
        >>> heads = Registry("head", "x.heads", "crossmodal_hash.contracts:Component",
        ...                  {"tanh": "crossmodal_hash.heads.tanh:Tanh"})
        >>> list(heads)
        ['tanh']
    """

    def __init__(
        self, kind: str, group: str, contract: str, builtin: Mapping[str, str], aliases: Mapping[str, str] | None = None
    ) -> None:
        self.kind, self.group, self.contract = kind, group, contract
        self.builtin, self.aliases = dict(builtin), dict(aliases or {})
        self.loaded: dict[type, Found] = {}
        self.added: dict[str, type] = {}

    def found(self) -> list[Found]:
        """Everything registered, built-ins first; nothing is imported."""
        own = [Found(name, target, BUILT_IN) for name, target in self.builtin.items()]
        own += [Found(name, f"{cls.__module__}:{cls.__qualname__}", HERE) for name, cls in self.added.items()]
        return own + sorted(discover(self.group), key=lambda f: (f.name, f.origin))

    def add(self, name: str, cls: type[T]) -> None:
        """Register a class under a name while this program runs; the same name again replaces it.

        Raises:
            SettingsError: if the name is taken, or the class does not subclass the contract.
        """
        name = normalize(name)
        taken = [f.origin for f in self.found() if f.name in (name, self.aliases.get(name)) and f.origin != HERE]
        if taken:
            raise SettingsError(f"{self.kind} {name!r} already exists, from {taken[0]}; choose another name")
        before = self.added
        self.added = {**before, name: cls}
        try:
            self.resolve(name)
        except BrokenPluginError as error:
            self.added = before
            raise SettingsError(str(error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(f.name for f in self.found()))

    def find(self, name: str) -> Found:
        """Who provides `name` (or the name it is an alias of); anything after a colon is ignored.

        Raises:
            UnknownComponentError: if nothing provides it.
            BrokenPluginError: if more than one package does; the order of loading never decides.
        """
        wanted = normalize(split_name(name)[0])
        everything = self.found()
        # An alias is a name too: a plug-in that takes one clashes with the built-in behind it.
        matches = [f for f in everything if f.name in (wanted, self.aliases.get(wanted))]
        if not matches:
            raise UnknownComponentError(
                self.kind, split_name(name)[0], {f.name for f in everything}, aliases=self.aliases
            )
        if len(matches) > 1:
            origins = " and ".join(f"{f.origin} ({f.target})" for f in matches)
            raise BrokenPluginError(
                f"{self.kind} {wanted!r} is claimed by {origins}; uninstall one, or set CHASH_PLUGINS to those to load"
            )
        return matches[0]

    def resolve(self, name: str) -> type[T]:
        """The class behind `name`, imported now.

        Raises:
            UnknownComponentError: if nothing provides the name.
            BrokenPluginError: if it cannot be imported or does not fit the contract; the cause is chained.
        """
        found = self.find(name)
        cls = self._load(found)
        base = self._load(Found(self.kind, self.contract, BUILT_IN))
        if not (isinstance(cls, type) and issubclass(cls, cast(type, base))):
            raise BrokenPluginError(
                f"{self.kind} {found.name!r} of {found.origin} ({found.target}) does not subclass "
                f"{self.contract.replace(':', '.')}"
            )
        missing = sorted(getattr(cls, "__abstractmethods__", ()))
        if missing:
            raise BrokenPluginError(
                f"{self.kind} {found.name!r} of {found.origin} ({found.target}) does not define {' and '.join(missing)}"
            )
        self.loaded[cls] = found
        return cast("type[T]", cls)

    def make(self, name: str | T, **params: Any) -> T:
        """An object from a name and its parameters; an existing object is returned unchanged.

        Raises:
            SettingsError: for a parameter the class does not have, or a value it rejects.
        """
        if not isinstance(name, str):
            return name
        cls, given = self.taking(name, params)
        return cls(**given)

    def taking(self, name: str, params: Mapping[str, Any]) -> tuple[type[T], dict[str, Any]]:
        """The class behind `name`, and its parameters, including the value after a colon in the name.

        The attribute `argument` of a class is the parameter that `NAME:VALUE` sets.

        Raises:
            SettingsError: for a parameter the class does not have, or one that is given twice.
        """
        cls = self.resolve(name)
        known = parameters(cls)
        base, value = split_name(name)
        key = getattr(cls, "argument", None)
        if value is not None:
            if key is None:
                raise SettingsError(
                    f"{self.kind} {base!r} takes no value after a colon, such as {value!r} in {name!r}; "
                    f"run 'chash info {self.kind} {normalize(base)}' for its parameters"
                )
            if key in params:
                raise SettingsError(f"{self.kind} {name!r} already sets {key}; leave out {key}={params[key]!r}")
            params = {key: value, **params}
        for key in params:
            if key not in known:
                raise SettingsError(
                    f"{self.kind} {base!r} has no parameter {key!r}{did_you_mean(key, known)}; "
                    f"run 'chash info {self.kind} {normalize(base)}' to see all {len(known)}"
                )
        return cls, dict(params)

    def _load(self, found: Found) -> object:
        if found.origin == HERE:
            return self.added[found.name]
        module, _, attribute = found.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:
            # A built-in that fails to import is our own bug and must show its traceback.
            if found.origin == BUILT_IN:
                raise
            cause = f"{type(error).__name__}: {error}"
            raise BrokenPluginError(
                f"{self.kind} {found.name!r} of {found.origin} ({found.target}) cannot be loaded: {cause}"
            ) from error
