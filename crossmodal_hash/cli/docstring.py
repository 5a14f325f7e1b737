"""Separates the parameters in a component's docstring from the rest."""

from __future__ import annotations

import inspect
import re

ARGS = re.compile(r"^Args:\n((?:[ \t]+.*\n|\n)*)", re.M)
ENTRY = re.compile(r"^(\w+(?:, \w+)*): (.*)")


def split_args(doc: str) -> tuple[str, dict[str, str]]:
    r"""Split a docstring from `inspect.getdoc`: the text without Args, and parameter -> its description, in one line.

    Example:
        >>> split_args("Adds.\n\nArgs:\n    a: the first,\n        in meters.\n\nSource: none.")
        ('Adds.\n\nSource: none.', {'a': 'the first, in meters.'})
    """
    found = ARGS.search(doc + "\n")
    if found is None:
        return doc, {}
    said: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc("\n" + found[1]).splitlines():
        if entry := ENTRY.match(line):
            names = entry[1].split(", ")
            said |= dict.fromkeys(names, entry[2])
        elif line.strip():
            said |= {name: f"{said[name]} {line.strip()}" for name in names}
    rest = [part for part in (doc[: found.start()].strip(), doc[found.end() :].strip()) if part]
    return "\n\n".join(rest), said


def said_of_parameters(cls: type) -> dict[str, str]:
    """Parameter -> its description in the docstring of the class, or of the nearest base class."""
    said: dict[str, str] = {}
    for base in cls.__mro__:
        if own := base.__dict__.get("__doc__"):
            said = split_args(inspect.cleandoc(own))[1] | said
    return said


def types_of_parameters(cls: type) -> dict[str, str]:
    """Parameter -> its type in readable form, or its choices; parameters without a type are left out."""
    try:
        declared = inspect.signature(cls, eval_str=True).parameters
    except NameError:
        # A plug-in may name types that it imports for checkers alone.
        declared = inspect.signature(cls).parameters
    shown = {
        name: p.annotation if isinstance(p.annotation, str) else inspect.formatannotation(p.annotation)
        for name, p in declared.items()
        if p.annotation is not p.empty
    }
    return {name: re.sub(r"(typing|collections\.abc)\.", "", kind) for name, kind in shown.items()}
