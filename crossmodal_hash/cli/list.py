"""`chash list`: the registered components, without importing them."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Annotated

import typer

from crossmodal_hash.cli.options import Json, Quiet
from crossmodal_hash.cli.output import Output


def list_components(
    kind: Annotated[
        str | None, typer.Argument(help="backbone, fusion, criterion (sim), loss, recipe, ... Default: all.")
    ] = None,
    pattern: Annotated[str | None, typer.Argument(help="Names to show, such as 'mmd*'.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List names, each with its origin and a short description; nothing is imported."""
    from crossmodal_hash.components import KIND_ALIASES, KINDS, registry_of
    from crossmodal_hash.registry import BUILT_IN, normalize

    output = Output(as_json=as_json, quiet=quiet)
    wanted = [KIND_ALIASES.get(normalize(kind), normalize(kind))] if kind else [*KINDS, "recipe"]
    rows: list[tuple[str, str, str, str]] = []
    for name in wanted:
        if name == "recipe":
            rows += [(recipe, name, BUILT_IN, title) for recipe, title in _recipes()]
            continue
        found = registry_of(name).found()
        twice = {f.name for f in found if sum(g.name == f.name for g in found) > 1}
        for entry in found:
            note = "CLASH, refused when used: " if entry.name in twice else ""
            rows.append((entry.name, name, entry.origin, note + entry.summary()))
    if pattern:
        rows = [row for row in rows if fnmatch(row[0], pattern)]
    columns = ("name", "kind", "origin", "summary")
    output.table(columns, rows, [dict(zip(columns, row, strict=True)) for row in rows])


def _recipes() -> list[tuple[str, str]]:
    import tomllib

    from crossmodal_hash.recipes import recipes

    return [(name, tomllib.loads(path.read_text("utf-8")).get("title", "")) for name, path in recipes().items()]
