"""`chash bench`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmodal_hash.cli.options import DATA, MODEL, OUTPUT, RUN, SETTINGS, Device, Json, Quiet, SkipBad
from crossmodal_hash.cli.output import Output, print_error, print_interrupted
from crossmodal_hash.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from crossmodal_hash.bench.callback import Failure
    from crossmodal_hash.bench.done import Done, Layout
    from crossmodal_hash.bench.grid import Cell, Grid


def bench(
    grid: Annotated[
        Path | None, typer.Argument(metavar="[GRID.toml]", help="Methods, bits, seeds and data; flags override it.")
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
    skip_bad: SkipBad = False,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N,...", help="Seeds of split, weights and order. Default: 0,1,2.", rich_help_panel=RUN),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the bench, one run folder per cell.", rich_help_panel=RUN)
    ] = Path("bench"),
    jobs: Annotated[int, typer.Option(metavar="N", help="Number of parallel cells.", rich_help_panel=RUN)] = 1,
    again: Annotated[
        bool, typer.Option("--again", help="Rerun cells that have other settings.", rich_help_panel=RUN)
    ] = False,
    device: Device = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Setting of every method; repeatable.", rich_help_panel=SETTINGS
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the cells and their state, and stop.", rich_help_panel=SETTINGS)
    ] = False,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,...",
            help="As in chash evaluate; tables show the first. Default: map@all.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option("--format", metavar="NAME", help="table (default), md, latex, csv, json.", rich_help_panel=OUTPUT),
    ] = "table",
    published: Annotated[
        bool, typer.Option("--published", help="Also show figures printed in papers.", rich_help_panel=OUTPUT)
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write an HTML page.", rich_help_panel=OUTPUT)
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train, encode and score methods x bits x seeds x data sets, and tabulate them.

    Finished cells are not run again, and unfinished ones are resumed. A cell that fails does not stop the others, but
    makes the exit code 3. With only --out: show the tables of the finished cells.
    """
    from crossmodal_hash.bench.done import find_done, layout_of, note_layout, read_done, read_layout
    from crossmodal_hash.bench.grid import cells, read_grid
    from crossmodal_hash.report.tables import FORMATS

    output = Output(as_json=as_json, quiet=quiet)
    if form != "table" and form not in FORMATS:
        raise SettingsError(
            f"unknown format {form!r}{did_you_mean(form, ['table', *FORMATS])}; known are table, {', '.join(FORMATS)}"
        )
    if jobs < 1:
        raise SettingsError(f"--jobs must be a number of processes, 1 or more, not {jobs}")
    if report is not None:
        from crossmodal_hash.report.page import replaces_page

        replaces_page(report)
    metrics = [name for given in metric for name in given.split(",")] if metric else None
    over: dict[str, Any] = {
        "methods": methods.split(",") if methods else None,
        "bits": _numbers("--bits", bits),
        "seeds": _numbers("--seeds", seeds),
        "metrics": metrics,
        "data": [{"path": path} for path in data] if data else None,
        "query": query, "train": train, "split": split, "skip_bad": skip_bad or None,
        "sets": set_ or None, "device": device,
    }  # fmt: skip
    failures: list[Failure] = []
    chosen: list[Cell] = []
    if grid is None and not any(value is not None for key, value in over.items() if key != "metrics"):
        layout = read_layout(out)
        done = find_done(out, layout.methods)
        if metrics:
            layout = replace(layout, metric=metrics[0])
    else:
        wanted = read_grid(grid, over)
        chosen, layout = list(cells(wanted)), layout_of(wanted)
        _check(wanted, chosen, published)
        if dry_run:
            _plan(output, chosen, out)
            return
        note_layout(out, layout)
        failures = _run(output, chosen, out, jobs, again)
        done = read_done(chosen, out)
    if done:
        _show(output, done, layout, form, published, failures)
        if report is not None:
            from crossmodal_hash.atomic import write_bytes
            from crossmodal_hash.bench.page import build_page

            write_bytes(report, build_page(done, layout, with_published=published).encode())
            output.say(f"report in {report}")
    # What is wrong with a data set is one fault, however many cells wanted it.
    faults = {
        f"{failure.cell.folder(out).parent if failure.of_data else failure.cell.folder(out)}: {failure.reason}": None
        for failure in failures
    }
    for fault in faults:
        print_error(fault)
    if failures:
        output.say(f"{len(failures)} of {len(chosen)} cells failed; fix them, and run the same command to continue")
        raise typer.Exit(3)


def _check(wanted: Grid, chosen: list[Cell], published: bool) -> None:
    """Reject early what would otherwise fail only after hours of training."""
    from crossmodal_hash.bench.check import check_methods
    from crossmodal_hash.bench.published import data_set
    from crossmodal_hash.metrics import parse

    for name in wanted.metrics:
        parse(name)
    for each in wanted.data if published else ():
        data_set(each.name)
    check_methods(chosen)


def _plan(output: Output, chosen: list[Cell], out: Path) -> None:
    from crossmodal_hash.bench.state import state

    columns = ("cell", "state", "why")
    rows = [(str(cell.folder(out)), found.value, why) for cell in chosen for found, why in [state(cell, out)]]
    output.table(columns, rows, [dict(zip(columns, row, strict=True)) for row in rows])


def _run(output: Output, chosen: list[Cell], out: Path, jobs: int, again: bool) -> list[Failure]:
    from crossmodal_hash.bench import runner
    from crossmodal_hash.cli.bench_progress import BenchProgress

    board = BenchProgress(output)
    try:
        with board.shown():
            return runner.run(chosen, out, jobs=jobs, again=again, callback=board)
    except KeyboardInterrupt:
        print_interrupted(f"{board.ended} cells finished, running ones saved; run the same command to continue")
        raise


def _show(
    output: Output, done: list[Done], layout: Layout, form: str, published: bool, failures: list[Failure]
) -> None:
    from crossmodal_hash.bench.table import long_table, tables
    from crossmodal_hash.report.tables import render

    long = long_table(done, with_published=published)
    document = {
        "scores": [dict(zip(long.columns, row, strict=True)) for row in long.rows],
        "failed": [{**failure.cell.to_json(), "reason": failure.reason} for failure in failures],
    }
    if output.as_json:
        output.line("", document)
        return
    if form in ("csv", "json"):
        output.line(render(long, form), document)
        return
    found = tables(
        done,
        metric=layout.metric,
        databases=layout.databases,
        show=layout.show,
        against=layout.against,
        with_published=published,
    )
    if form != "table":
        head = "%" if form == "latex" else "###"
        output.line("\n\n".join(f"{head} {title}\n\n{render(table, form)}" for title, table in found.items()), document)
        return
    for title, table in found.items():
        output.titled_table(table.columns, table.rows, title=title)
    for note in dict.fromkeys(note for table in found.values() for note in table.all_notes(has_bold=output.has_bold)):
        output.say(note)


def _numbers(option: str, text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(f"{option} {text!r} is not a list of whole numbers, such as 16,32,64") from None
