"""`chash compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal_hash.cli.options import OUTPUT, Json, NoTalk
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import DataError

if TYPE_CHECKING:
    from crossmodal_hash.report.result import Record


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders, or files of 'chash evaluate --save'.")
    ],
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME,...", help="Metrics of run folders. Default: map@all, hit@10.")
    ] = None,
    interval: Annotated[float, typer.Option(metavar="LEVEL", help="Level of the bootstrap intervals.")] = 0.95,
    form: Annotated[
        str | None,
        typer.Option("--format", help="md, latex, csv or json, ready to paste.", rich_help_panel=OUTPUT),
    ] = None,
    as_json: Json = False,
    quiet: NoTalk = False,
) -> None:
    """Show runs side by side, with paired bootstrap intervals of the difference to the first.

    An interval without 0, marked *, means that two systems differ. Without --metric: map@all by shared labels and, of
    a query's own partner, hit@10. With it: these metrics, by pairs where there are no labels.
    """
    from crossmodal_hash.report.compare import compare as compared
    from crossmodal_hash.report.compare import long_table, wide_table
    from crossmodal_hash.report.run import different_names
    from crossmodal_hash.report.tables import check_format, render

    output = Output(as_json=as_json, quiet=quiet)
    if form is not None:
        check_format(form)
    if len(set(runs)) < len(runs):
        raise DataError("a run is named twice; a comparison needs different runs")
    metrics = [name for given in metric or [] for name in given.split(",")]
    records = [_record(path, name, metrics) for path, name in zip(runs, different_names(runs), strict=True)]
    found = compared(records, interval)
    wide, long = wide_table(records, found, interval), long_table(records, found)
    document = [dict(zip(long.columns, row, strict=True)) for row in long.rows]
    if form is None or as_json:
        output.table(wide.columns, wide.rows, document, names=False)
        output.say(wide.notes[0])
    else:
        output.line(render(long if form in ("csv", "json") else wide, form), document)


def _record(path: Path, name: str, metrics: list[str]) -> Record:
    from dataclasses import replace

    from crossmodal_hash.evaluation import PAIRED
    from crossmodal_hash.report.result import read_record
    from crossmodal_hash.report.run import open_scored

    if path.is_file():
        return replace(read_record(path), name=path.stem if name == path.name else name)
    return open_scored(path, name, metrics or ["map@all"], () if metrics else PAIRED).record
