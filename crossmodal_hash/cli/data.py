"""`chash data`: check whether a data set is suitable for training, and convert it to the native layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal_hash.cli.console import ConsoleCallback
from crossmodal_hash.cli.options import DATA, OUTPUT, Json, NoTalk, Quiet, ReaderName, SkipBad
from crossmodal_hash.cli.output import Output

if TYPE_CHECKING:
    from crossmodal_hash.data import Dataset, Split
    from crossmodal_hash.errors import ChashError

app = typer.Typer(help="Check a data set, or convert it.", no_args_is_help=True)
DataPath = Annotated[str, typer.Argument(metavar="PATH", help="Folder, archive or file; see docs/data.md.")]


@app.command("check")
def check(
    path: DataPath,
    reader: ReaderName = None,
    skip_bad: SkipBad = False,
    split: Annotated[
        str | None, typer.Option(metavar="FILE", help="JSON of ids to check with the data.", rich_help_panel=DATA)
    ] = None,
    query: Annotated[int | None, typer.Option(help="Query items of a drawn split.", rich_help_panel=DATA)] = None,
    train: Annotated[int | None, typer.Option(help="Training items of a drawn split.", rich_help_panel=DATA)] = None,
    seed: Annotated[int, typer.Option(help="Seed of a drawn split.", rich_help_panel=DATA)] = 0,
    as_json: Json = False,
    quiet: NoTalk = False,
) -> None:
    """Report the contents of a data set; exit with 1, and the reasons, if training on it would be wrong.

    Every picture is decoded. Without --split, the split that comes with the data is checked, or one is drawn as in
    'chash train'.
    """
    from dataclasses import asdict

    from crossmodal_hash.data import Pictures
    from crossmodal_hash.data.quality import leave_out, look_at, without_blank, worst
    from crossmodal_hash.data_report.examine import examine
    from crossmodal_hash.opening.open import NOTHING, open_data
    from crossmodal_hash.settings.flags import read_part

    output = Output(as_json=as_json, quiet=quiet)
    dataset = open_data(path, None if reader is None else read_part(reader), needs=NOTHING)
    if skip_bad:
        dataset = without_blank(dataset)
    looks = {}
    for name, pictures in dataset.of(Pictures).items():
        with ConsoleCallback(output).task(f"look at {len(pictures)} pictures", len(pictures)) as advance:
            looks[name] = list(look_at(pictures, advance))
    left_out = {}
    if skip_bad and looks:
        each = [worst(row) for row in zip(*looks.values(), strict=True)]
        left_out = {look.name: look.problem for look in each if look.problem}
        dataset = leave_out(dataset, each)
        looks = {
            name: [look for look, w in zip(own, each, strict=True) if not w.problem] for name, own in looks.items()
        }
    parts, drawn = _split(dataset, split, query, train, seed)
    report = examine(dataset, looks, parts, drawn=drawn, reader=dataset.reader or "")
    report.unreadable |= left_out
    output.table(("finding", "value"), list(report.rows()), {"path": path, **asdict(report)}, title=path, names=False)
    if report.wrong:
        output.say(f"training on {path} would be wrong: {'; '.join(report.wrong)}")
        raise typer.Exit(1)


@app.command("convert")
def convert(
    path: DataPath,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder, or file that ends in .zip or .tar.")],
    reader: ReaderName = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="folder|zip|tar", help="Default: by the suffix of OUT.", rich_help_panel=OUTPUT
        ),
    ] = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a data set in the native layout: pictures with metadata.jsonl, or with matrices if it has any.

    Pictures are copied unchanged. An item without text, or whose picture cannot be read, is an error, or is left
    out with --skip-bad.
    """
    from crossmodal_hash.data.write import SPLIT, write_native
    from crossmodal_hash.errors import SettingsError
    from crossmodal_hash.opening.open import NO_LABELS, open_data
    from crossmodal_hash.settings.flags import read_part

    output = Output(as_json=as_json, quiet=quiet)
    console = ConsoleCallback(output)
    if form is None and out.suffix not in ("", ".zip", ".tar"):
        raise SettingsError(
            f"cannot write {str(out)!r} with the suffix {out.suffix}; use .zip or .tar, or give --format folder "
            f"for a folder of that name"
        )
    form = form or (out.suffix[1:] if out.suffix in (".zip", ".tar") else "folder")
    if form not in ("folder", "zip", "tar"):
        raise SettingsError(f"unknown --format {form!r}; choose folder, zip or tar")
    if out.exists():
        raise SettingsError(f"{str(out)!r} already exists; choose another name")
    layout = None if reader is None else read_part(reader)
    dataset = open_data(path, layout, needs=NO_LABELS, skip_bad=skip_bad, callback=console)
    with console.task(f"write {len(dataset)} items", len(dataset)) as advance:
        write_native(dataset, out, form, done=advance)  # type: ignore[arg-type]
    output.line(str(out), {"out": str(out), "format": form, "reader": dataset.reader, "items": len(dataset)})
    divided = dataset.split_rows is not None and form == "folder"
    output.say(f"next: chash train --data {out}" + (f" --split {out / SPLIT}" if divided else ""))


def _split(
    dataset: Dataset, file: str | None, query: int | None, train: int | None, seed: int
) -> tuple[Split | ChashError, bool]:
    """The split to check, or the error that prevents one; and whether it was drawn."""
    from crossmodal_hash.data import make_split, read_split, split_from_rows
    from crossmodal_hash.errors import ChashError

    drawn = file is None and (dataset.split_rows is None or query is not None or train is not None)
    try:
        if file is not None:
            return read_split(file, dataset.ids), drawn
        if drawn or dataset.split_rows is None:
            return make_split(len(dataset), query=query, train=train, seed=seed), drawn
        return split_from_rows(dataset.split_rows, len(dataset)), drawn
    except ChashError as error:
        return error, drawn
