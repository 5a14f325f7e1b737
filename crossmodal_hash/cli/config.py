"""`chash config`: settings, and the origin of each value."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from crossmodal_hash.cli.options import Json, Quiet
from crossmodal_hash.cli.output import Output

app = typer.Typer(help="Settings, and the origin of each value.", no_args_is_help=True)
Recipe = Annotated[str, typer.Argument(metavar="[RECIPE|RUN]", help="A recipe, a TOML file, or a run folder.")]


@app.command("show")
def show(recipe: Recipe = "default", as_json: Json = False, quiet: Quiet = False) -> None:
    """Show every setting of a recipe or run with its origin."""
    entries = _entries(recipe)
    rows = [(key, entry["value"], entry["origin"]) for key, entry in entries.items()]
    Output(as_json=as_json, quiet=quiet).table(("setting", "value", "origin"), rows, entries)


@app.command("diff")
def diff(first: Recipe, second: Recipe, as_json: Json = False, quiet: Quiet = False) -> None:
    """Show the settings in which two recipes or runs differ."""
    a, b = _entries(first), _entries(second)
    rows = [
        (key, a.get(key, {}).get("value"), b.get(key, {}).get("value"))
        for key in dict.fromkeys((*a, *b))
        if a.get(key, {}).get("value") != b.get(key, {}).get("value")
    ]
    document = {key: {first: x, second: y} for key, x, y in rows}
    Output(as_json=as_json, quiet=quiet).table(("setting", first, second), rows, document)


@app.command("init")
def init(recipe: Recipe = "default") -> None:
    """Print a recipe as TOML, to be edited and given to 'chash train --config FILE'."""
    from crossmodal_hash.errors import UnknownComponentError
    from crossmodal_hash.recipes import recipes

    shipped = recipes()
    if recipe not in shipped:
        raise UnknownComponentError("recipe", recipe, shipped)
    text = shipped[recipe].read_text("utf-8").rstrip()
    Output().line(text, text)


def _entries(name: str) -> dict[str, dict[str, object]]:
    from crossmodal_hash.settings.resolve import resolve

    # No recipe has a separator in its name: a path is a file of settings or a run, even one that is not there.
    if (Path(name) / "config.json").exists() or (not name.endswith(".toml") and {"/", os.sep} & set(name)):
        from crossmodal_hash.runs.folder import open_run

        return dict(open_run(Path(name)).read("config.json", "settings"))
    return resolve(name).entries()
