"""`chash bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossmodal_hash.cli.options import DATA, MODEL, RUN, SETTINGS, Device, Json, Quiet
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import SettingsError


def bench(
    grid: Annotated[
        Path | None, typer.Argument(metavar="[GRID.toml]", help="Methods, bits, seeds and data; flags go first.")
    ] = None,
    methods: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="Recipes, or methods of the grid.", rich_help_panel=MODEL)
    ] = None,
    bits: Annotated[
        str | None, typer.Option(metavar="K,...", help="Code lengths. Default: 16,32,64.", rich_help_panel=MODEL)
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="Folder, tar, zip or matrix file; repeatable. Default: the embedded drawings.",
            rich_help_panel=DATA,
        ),
    ] = None,
    query: Annotated[int | None, typer.Option(help="Query items.", rich_help_panel=DATA)] = None,
    train: Annotated[int | None, typer.Option("--train", help="Training items.", rich_help_panel=DATA)] = None,
    split: Annotated[
        str | None, typer.Option(metavar="FILE", help="JSON of ids instead of random splits.", rich_help_panel=DATA)
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N,...", help="Of split, start and order. Default: 0,1,2.", rich_help_panel=RUN),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the bench, with one run folder a cell.", rich_help_panel=RUN)
    ] = Path("bench"),
    jobs: Annotated[int, typer.Option(metavar="N", help="Cells at a time.", rich_help_panel=RUN)] = 1,
    again: Annotated[
        bool, typer.Option("--again", help="Run anew what was made with other settings.", rich_help_panel=RUN)
    ] = False,
    device: Device = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="For every method; repeatable.", rich_help_panel=SETTINGS),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the cells and what is done, and stop.", rich_help_panel=SETTINGS)
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train, encode and score methods x bits x seeds x data sets, and tabulate them.

    What is done is not done again; what is unfinished goes on. A cell that fails does not stop the others; the exit
    code is then 3.
    """
    from crossmodal_hash.bench import runner
    from crossmodal_hash.bench.grid import cells, read_grid
    from crossmodal_hash.bench.state import state

    output = Output(as_json=as_json, quiet=quiet)
    if jobs < 1:
        raise SettingsError(f"--jobs is a number of processes, 1 or more, not {jobs}")
    over = {
        "methods": methods.split(",") if methods else None,
        "bits": _numbers("--bits", bits),
        "seeds": _numbers("--seeds", seeds),
        "data": [{"path": path} for path in data] if data else None,
        "query": query, "train": train, "split": split, "sets": set_ or [], "device": device,
    }  # fmt: skip
    chosen = list(cells(read_grid(grid, over)))
    if dry_run:
        columns = ("cell", "state", "why")
        rows = [(str(cell.folder(out)), found.value, why) for cell in chosen for found, why in [state(cell, out)]]
        output.table(columns, rows, [dict(zip(columns, row, strict=True)) for row in rows])
        return
    failures = runner.run(chosen, out, jobs=jobs, again=again)
    for failure in failures:
        output.say(f"{failure.cell.folder(out)}: {failure.reason}")
    if failures:
        raise typer.Exit(3)


def _numbers(option: str, text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(f"{option} {text!r} is not a list of whole numbers, such as 16,32,64") from None
