"""Creates a package with a working component, to be changed; the templates are in the folders beside this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from crossmodal_hash.atomic import write_bytes
from crossmodal_hash.components import registry_of
from crossmodal_hash.errors import BrokenPluginError, SettingsError, UnknownComponentError
from crossmodal_hash.registry import normalize

USE = {
    "criterion": "chash train --sim {name}",
    "loss": "chash train --loss {name}",
    "fusion": "chash train --fusion {name}",
    "backbone": "chash train --text {name}",
    "reader": "chash train --reader {name} --data PATH",
}
"""Kind -> the command that trains with the component of its template."""
SEES = ("labels", "features", "pairs")
"""Kinds of evidence for which there is a template of a criterion."""
USE_WITHOUT_LABELS = "chash train --recipe pairs --set 'terms.pairs.criterion={name}'"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
HIDES = {
    "backbone", "criterion", "dataset", "false", "fusion", "hash-loss", "level-info", "match", "needs", "none",
    "pictures", "place", "reader", "sequence", "tensor", "texts", "true",
}  # fmt: skip
"""Names whose class would hide what the templates import, or cannot be a class."""


@dataclass(frozen=True)
class Made:
    """The written package.

    Attributes:
        kind: kind of the component.
        name: its registry name.
        folder: folder of the package.
        module: the file with the component.
        files: all files.
        use: the command that trains with it.
    """

    kind: str
    name: str
    folder: Path
    module: Path
    files: tuple[Path, ...]
    use: str


def write_plugin(given: str, kind: str, parent: Path, *, sees: str | None = None) -> Made:
    """Write a package for a component into a new folder.

    Args:
        given: name of the folder and the component; a prefix `chash-` belongs only to the folder.
        kind: criterion, loss, fusion, backbone or reader, or an alias of one of them.
        parent: parent of the new folder.
        sees: the evidence that a criterion sees: labels, features or pairs; None for labels.

    Raises:
        UnknownComponentError: for an unknown kind.
        SettingsError: for an invalid name, a name that is taken, a folder that exists, or evidence that does not exist
            or that the kind does not see.
    """
    registry = registry_of(kind)
    if registry.kind not in USE:
        raise UnknownComponentError("kind of plug-in", kind, USE, see="chash plugin new --help")
    if sees is not None and registry.kind != "criterion":
        raise SettingsError(f"--sees {sees} is for criteria; a {registry.kind} sees none, so leave it out")
    if sees not in (None, *SEES):
        raise SettingsError(f"there is no evidence {sees!r}; a criterion sees {', '.join(SEES[:-1])} or {SEES[-1]}")
    template = registry.kind if sees in (None, "labels") else f"{registry.kind}-{sees}"
    name = normalize(given).removeprefix("chash-")
    if not NAME.fullmatch(name) or name in HIDES:
        raise SettingsError(
            f"a plug-in cannot be named {given!r}; use letters, digits and single hyphens, starting with a letter, "
            f"and no name from the contract; try my-{registry.kind}"
        )
    try:
        taken = registry.find(name).origin
    except UnknownComponentError:
        taken = ""
    except BrokenPluginError:
        taken = "more than one package"
    if taken:
        raise SettingsError(f"{registry.kind} {name!r} already exists, from {taken}; choose another name")
    folder = parent / given.strip()
    if folder.exists():
        raise SettingsError(f"{folder} already exists; choose another name, or work in another folder")
    words = {
        "name": name,
        "kind": registry.kind,
        "group": registry.group,
        "distribution": f"chash-{name}",
        "module": f"chash_{name.replace('-', '_')}",
        "Class": "".join(part.capitalize() for part in name.split("-")),
        "use": (USE[registry.kind] if template == registry.kind else USE_WITHOUT_LABELS).format(name=name),
    }
    files_of = {
        "pyproject.toml": ("package", "pyproject.toml"),
        "README.md": ("package", "README.md"),
        f"{words['module']}.py": (template, "component.py"),
        f"test_{words['module'].removeprefix('chash_')}.py": (template, "test.py"),
    }
    made = []
    for target, (where, source) in files_of.items():
        text = (files(__name__) / where / f"{source}.tmpl").read_text(encoding="utf-8")
        write_bytes(folder / target, Template(text).substitute(words).encode())
        made.append(folder / target)
    return Made(registry.kind, name, folder, made[2], tuple(made), words["use"])
