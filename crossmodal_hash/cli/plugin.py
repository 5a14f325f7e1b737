"""`chash plugin`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossmodal_hash.cli.options import Json, Quiet
from crossmodal_hash.cli.output import Output

app = typer.Typer(help="Create a package with your own component.", no_args_is_help=True)


@app.callback()
def plugin() -> None:
    """Create a package with your own component."""


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Name of the folder and the component, such as my-overlap.")],
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="criterion (sim), loss, fusion, backbone or reader.")
    ],
    sees: Annotated[
        str | None,
        typer.Option("--sees", metavar="EVIDENCE", help="Of a criterion: labels (default), features or pairs."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Create a package with a working component, its test and a README in the new folder NAME."""
    from crossmodal_hash.scaffold import write_plugin

    output = Output(as_json=as_json, quiet=quiet)
    made = write_plugin(name, kind, Path(), sees=sees)
    rows = [(str(path),) for path in made.files]
    document = {"kind": made.kind, "name": made.name, "files": [str(path) for path in made.files]}
    output.table(("file",), rows, document)
    output.say(f"next: pip install -e {made.folder}; then chash check {made.kind} {made.name}")
    output.say(f"edit {made.module} to change what it computes; train with it: {made.use}")
