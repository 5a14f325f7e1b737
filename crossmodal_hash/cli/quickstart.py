"""`chash quickstart`: the whole pipeline on the embedded data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossmodal_hash.cli.console import ConsoleCallback
from crossmodal_hash.cli.options import Device, Json, Quiet
from crossmodal_hash.cli.output import Output


def quickstart(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Run folder. Default: under runs/.")] = None,
    device: Device = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train, encode and evaluate on the embedded drawings: a few minutes on a CPU, nothing is downloaded."""
    from crossmodal_hash.cli.codes import write_files
    from crossmodal_hash.cli.evaluate import COLUMNS, tabulate
    from crossmodal_hash.cli.train import prepare, train_run
    from crossmodal_hash.evaluation import score
    from crossmodal_hash.report.conventions import conventions
    from crossmodal_hash.training.encode import encode

    output = Output(as_json=as_json, quiet=quiet)
    console = ConsoleCallback(output)
    output.say("1. chash train")
    resolved, dataset = prepare("default", None, [], {"device": device}, console)
    run = train_run(resolved, dataset, folder, console)
    output.say(f"2. chash encode {run.path}")
    codes, _ = encode(run, dataset, device=device or "auto", callback=console)
    write_files(codes, run.codes, ["safetensors"])
    output.say(f"3. chash evaluate {run.path}")
    scores = score(codes)
    rows, document = tabulate(scores, score(codes, ties="stable"))
    output.table(COLUMNS, rows, {"run": str(run.path), "scores": document}, title=f"map@all of {run.path}")
    for note in conventions(scores, 0.95):
        output.say(note)
    output.say(f"next: chash search {run.path} --text 'a cat'; or chash train --data YOUR_PICTURES")
