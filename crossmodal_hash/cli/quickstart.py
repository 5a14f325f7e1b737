"""`chash quickstart`: the whole pipeline on the embedded data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossmodal_hash.cli.console import ConsoleCallback
from crossmodal_hash.cli.options import Device, Json, Quiet
from crossmodal_hash.cli.output import Output

QUERIES = ("a cat", "a red apple", "brass instrument", "a boat on the water")
"""Everyday words to search for in the end; `benchmarks/free_text.py` measures how well sixty such queries do."""


def quickstart(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Run folder. Default: under runs/.")] = None,
    device: Device = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train, encode, evaluate and search on the embedded drawings: a few minutes on a CPU, nothing is downloaded."""
    from crossmodal_hash.cli.codes import write_files
    from crossmodal_hash.cli.evaluate import COLUMNS, tabulate
    from crossmodal_hash.cli.search import show
    from crossmodal_hash.cli.train import prepare, train_run
    from crossmodal_hash.codes.rescore import FIRST
    from crossmodal_hash.engines.in_memory import InMemory
    from crossmodal_hash.evaluation import score_both
    from crossmodal_hash.opening.found import ranked
    from crossmodal_hash.opening.open import open_texts
    from crossmodal_hash.opening.words import words_of
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
    scores = score_both(codes)
    rows, document = tabulate(scores, score_both(codes, ties="stable"))
    parts = codes["image"].parts
    seen = int((parts["train"] | parts["validation"]).sum())
    asked, real = encode(run, open_texts(list(QUERIES)), device=device or "auto")
    index, words = InMemory(codes["image"]), words_of(dataset, "image")
    found = ranked(index, asked["text"], QUERIES, words, real["text"], k=5, first=FIRST)
    if as_json:
        output.line("", {"run": str(run.path), "scores": document, "search": found.document})
        return
    output.table(COLUMNS, rows, None, title=str(run.path))
    for note in conventions(scores, 0.95):
        output.say(note)
    output.say(" ".join([f"4. chash search {run.path}", *(f"--text '{query}'" for query in QUERIES), "-k 5"]))
    show(found, output)
    output.say(
        f"{len(dataset) - seen} of the {len(dataset)} drawings searched were kept for scores, so the model has not "
        f"seen them; to search a library well, train on all of it (docs/tutorial.md)"
    )
    output.say(f"next: chash train --data YOUR_PICTURES; or search these in a browser: chash serve {run.path} --open")
