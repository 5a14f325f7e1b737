"""`chash encode`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal_hash.cli.console import ConsoleCallback
from crossmodal_hash.cli.options import DATA, OUTPUT, Data, Device, Inputs, Json, Quiet, ReaderName, RunFolder, SkipBad
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import DataError

if TYPE_CHECKING:
    from crossmodal_hash.data import Dataset
    from crossmodal_hash.runs.folder import Run


def encode(
    run: RunFolder = None,
    data: Data = None,
    reader: ReaderName = None,
    images: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Pictures alone: a file, folder or archive.", rich_help_panel=DATA),
    ] = None,
    texts: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Texts alone, one a line; - is standard input.", rich_help_panel=DATA),
    ] = None,
    inputs: Inputs = None,
    skip_bad: SkipBad = False,
    labels: Annotated[bool, typer.Option(help="Whether labels travel with the codes.", rich_help_panel=DATA)] = True,
    known_labels: Annotated[
        bool,
        typer.Option(
            "--known-labels",
            help="Make codes of trained and validated items of the database from their labels.",
            rich_help_panel=DATA,
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the codes. Default: RUN/codes for the run's own data, else ./codes.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also write the values before the sign, as a data set of matrices for other recipes.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    formats: Annotated[
        str,
        typer.Option("--format", help="safetensors, npy, mat or csv; several with commas.", rich_help_panel=OUTPUT),
    ] = "safetensors",
    device: Device = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write codes for every modality of the data, or of one modality alone.

    Without data, those the run was trained on. A codes file holds packed bits, ids, and what a search needs to know.
    """
    from crossmodal_hash.cli.codes import files_for, write_files
    from crossmodal_hash.data.write import SPLIT, write_native
    from crossmodal_hash.errors import SettingsError
    from crossmodal_hash.runs.folder import open_run
    from crossmodal_hash.training.encode import encode as encode_run
    from crossmodal_hash.training.vectors import as_data

    output = Output(as_json=as_json, quiet=quiet)
    opened = open_run(run)
    if run is None:
        output.say(f"run {opened.path}")
    suffixes = [name.strip().lstrip(".") for name in formats.split(",")]
    for suffix in suffixes:
        if suffix not in ("safetensors", "npy", "mat", "csv"):
            raise SettingsError(f"--format {suffix!r} is not one; choose safetensors, npy, mat or csv")
    console = ConsoleCallback(output)
    dataset, own = _dataset(opened, data, reader, images, texts, inputs, skip_bad, console)
    folder = out or (opened.codes if own else Path("codes"))
    there = [path for path in files_for(dataset.modalities, folder, suffixes) if path.exists()]
    if there and not own and out is None:
        raise SettingsError(f"{there[0]} already exists, perhaps of other items; name a folder with --out")
    if vectors is not None and vectors.exists():
        raise SettingsError(f"--vectors {vectors} already exists; choose another name")
    codes, real = encode_run(
        opened, dataset, device=device or "auto", labels=labels, known_labels=known_labels, callback=console
    )
    if vectors is not None:
        write_native(as_data(opened.path.name, codes, real), vectors)
    paths = write_files(codes, folder, suffixes)
    rows = [(str(path), path.stem, len(codes[path.stem]), codes[path.stem].bits) for path in paths]
    document = [dict(zip(("file", "modality", "items", "bits"), row, strict=True)) for row in rows]
    output.table(("file", "modality", "items", "bits"), rows, document)
    if vectors is not None:
        split = f" --split {vectors / SPLIT}" if (vectors / SPLIT).exists() else ""
        output.say(f"vectors saved in {vectors}; next: chash train --recipe itq --data {vectors}{split}")
    elif own and out is None:
        output.say(f"next: chash evaluate {opened.path}")


def _dataset(
    run: Run,
    data: str | None,
    reader: str | None,
    images: str | None,
    texts: str | None,
    inputs: str | None,
    skip_bad: bool,
    console: ConsoleCallback,
) -> tuple[Dataset, bool]:
    """The items to encode, and whether they are those of the run."""
    from crossmodal_hash.opening.open import open_data, open_inputs, open_own, open_pictures, open_texts
    from crossmodal_hash.settings.flags import read_part

    own = run.settings().data
    options = {"--data": data, "--images": images, "--texts": texts, "--inputs": inputs}
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise DataError(f"{' and '.join(given)} exclude each other; encode one after the other")
    if reader is not None and data is None:
        raise DataError(f"--reader {reader} is for other data than the run's; give them with --data")
    if skip_bad and not own.skip_bad and data is None and images is None and inputs is None:
        raise DataError("--skip-bad is for other data than the run's; give them with --data or --images")
    if images is not None:
        return open_pictures(images, skip_bad=skip_bad, callback=console), False
    if texts is not None:
        return open_texts(texts), False
    if inputs is not None:
        return open_inputs(run, inputs, skip_bad=skip_bad, callback=console), False
    if data is not None and (data != own.path or reader is not None or (skip_bad and not own.skip_bad)):
        named = None if reader is None else read_part(reader)
        return open_data(data, named, skip_bad=skip_bad, callback=console), False
    return open_own(own, callback=console), True
