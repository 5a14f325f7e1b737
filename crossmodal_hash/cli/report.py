"""`chash report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal_hash.cli.options import OUTPUT, Json, Quiet, check_level
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import ChashError, DataError, SettingsError

if TYPE_CHECKING:
    from crossmodal_hash.data import Dataset
    from crossmodal_hash.report.run import Scored


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN]...", help="Run folders, or one bench folder. Default: the latest under runs/."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page.", rich_help_panel=OUTPUT)] = Path("report.html"),
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write every figure as PNG and SVG.", rich_help_panel=OUTPUT),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Current location of the run's data, for the gallery."),
    ] = None,
    examples: Annotated[
        int, typer.Option(metavar="N", help="Number of worst and of best queries per direction; 0: none.")
    ] = 3,
    interval: Annotated[float, typer.Option(metavar="LEVEL", help="Level of the bootstrap intervals.")] = 0.95,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write one page with tables, curves and a gallery of runs, which can be opened offline.

    Several runs are shown side by side, with paired intervals; the gallery shows the first. The page of a
    bench folder has its tables, and scores by code length.
    """
    from crossmodal_hash.atomic import write_bytes
    from crossmodal_hash.bench.done import is_bench
    from crossmodal_hash.report import page
    from crossmodal_hash.report.images import save_figures
    from crossmodal_hash.report.run import different_names, open_scored

    output = Output(as_json=as_json, quiet=quiet)
    check_level(interval)
    if examples < 0:
        raise SettingsError(f"--examples must be a number of queries, 0 or more, not {examples}")
    if runs and len(set(runs)) < len(runs):
        raise DataError("a run is named twice; a report needs different runs")
    if out.is_dir():
        raise SettingsError(f"--out {out} is a folder; name a file in it, such as {out / 'report.html'}")
    if page.replaces_page(out):
        output.say(f"{out} already exists and is overwritten")
    if runs and len(runs) == 1 and is_bench(runs[0]):
        write_bytes(out, _bench_page(runs[0]).encode())
        output.table(("file",), [(str(out),)], {"page": str(out), "figures": []})
        return
    if runs:
        scored = [open_scored(path, name) for path, name in zip(runs, different_names(runs), strict=True)]
    else:
        scored = [open_scored(None)]
        output.say(f"run {scored[0].run.path}")
    groups = page.figures(scored, interval)
    text = page.build_page(scored, groups, _dataset(scored[0], data), level=interval, number=examples)
    write_bytes(out, text.encode())
    written = [str(out)]
    if figures is not None:
        written += save_figures(figures, [picture for group in groups for picture in group.pictures])
    output.table(("file",), [(name,) for name in written], {"page": str(out), "figures": written[1:]})


def _bench_page(folder: Path) -> str:
    from crossmodal_hash.bench.done import find_done, read_layout
    from crossmodal_hash.bench.page import build_page

    layout = read_layout(folder)
    return build_page(find_done(folder, layout.methods), layout)


def _dataset(scored: Scored, path: str | None) -> Dataset | ChashError:
    """The items of the run, or why they are not available: a report of scores is useful without them."""
    from crossmodal_hash.opening.open import NO_LABELS, open_own

    settings = scored.run.settings().data
    if path is not None:
        return open_own(settings, path, needs=NO_LABELS)
    try:
        return open_own(settings, needs=NO_LABELS)
    except ChashError as error:
        return error
