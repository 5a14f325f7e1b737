"""`chash plugin`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossmodal_hash.cli.options import Json, Quiet
from crossmodal_hash.cli.output import Output

app = typer.Typer(help="Write a component of your own as a package.", no_args_is_help=True)


@app.callback()
def plugin() -> None:
    """Write a component of your own as a package."""


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Of the folder and the component, such as my-overlap.")],
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="criterion (sim), loss, fusion, backbone or reader.")
    ],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a package with a working component, its test and a README into the new folder NAME."""
    from crossmodal_hash.scaffold import write_plugin

    output = Output(as_json=as_json, quiet=quiet)
    made = write_plugin(name, kind, Path())
    rows = [(str(path),) for path in made.files]
    document = {"kind": made.kind, "name": made.name, "files": [str(path) for path in made.files]}
    output.table(("file",), rows, document)
    output.say(f"next: pip install -e {made.folder}; then chash check {made.kind} {made.name}")
    output.say(f"what it computes stands in {made.module}; train with it: {made.use}")
