"""`chash evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmodal_hash.cli.options import Json, Quiet, RunFolder
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import CodesError, RunError

if TYPE_CHECKING:
    from crossmodal_hash.codes import Codes
    from crossmodal_hash.evaluation import Score

COLUMNS = ("direction", "database", "queries", "items", "expected", "stable", "random")


def evaluate(
    run: RunFolder = None,
    codes: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Codes of one modality, instead of a run; once for each."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="0/1 labels (N, C) for codes that carry none.")
    ] = None,
    bits: Annotated[int | None, typer.Option(help="Code length of packed matrices.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score the codes of a run, or code files, in every direction.

    mAP over the whole ranking, expected over ties and in database order, beside the score of codes without
    information. `all` is the papers' database with the training items in it, `unseen` the same without them.
    """
    from crossmodal_hash.evaluation import score

    output = Output(as_json=as_json, quiet=quiet)
    found = read_files(codes, labels, bits) if codes else read_run(run, output)
    expected, stable = score(found), score(found, ties="stable")
    rows, document = tabulate(expected, stable)
    output.table(COLUMNS, rows, document, title="map@all")


def tabulate(expected: list[Score], stable: list[Score]) -> tuple[list[tuple[Any, ...]], list[dict[str, Any]]]:
    """Rows for a table and the same as data."""
    rows = []
    for mean, ordered in zip(expected, stable, strict=True):
        result = mean.result
        scores = (result.values["map@all"], ordered.result.values["map@all"], result.random_floor)
        rows.append((mean.direction, mean.database, result.queries, result.database, *scores))
    facts = [
        {
            "metric": "map@all",
            "empty": score.result.empty,
            "empty_queries": score.result.empty_queries,
            "relevant_pairs": score.result.relevant_pairs,
            "bits": score.result.bits,
        }
        for score in expected
    ]
    return rows, [dict(zip(COLUMNS, row, strict=True)) | fact for row, fact in zip(rows, facts, strict=True)]


def read_run(path: Path | None, output: Output) -> dict[str, Codes]:
    """The codes in a run folder.

    Raises:
        RunError: if there are none.
    """
    from crossmodal_hash.codes import load
    from crossmodal_hash.training.run import open_run

    run = open_run(path)
    if path is None:
        output.say(f"run {run.path}")
    files = sorted(run.codes.glob("*.safetensors"))
    if not files:
        raise RunError(f"{run.path} has no codes yet; write them with 'chash encode {run.path}'")
    loaded = [load(file) for file in files]
    return {codes.modality: codes for codes in loaded}


def read_files(paths: list[Path], labels: Path | None, bits: int | None) -> dict[str, Codes]:
    """Codes from anyone's files; a modality is called as the file says, or like the file.

    Raises:
        CodesError: for files that are not codes, or of one name.
    """
    from dataclasses import replace

    from crossmodal_hash.codes import load, load_matrix

    found: dict[str, Codes] = {}
    for path in paths:
        codes = load(path, bits=bits)
        if labels is not None:
            codes = replace(codes, labels=load_matrix(labels), label_names=None)
        if codes.modality in found:
            raise CodesError(f"{path} holds {codes.modality} codes, and so does another file; give one a modality")
        found[codes.modality] = codes
    return found
