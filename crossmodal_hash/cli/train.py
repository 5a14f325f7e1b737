"""`chash train`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal_hash.callbacks import Callback, Callbacks
from crossmodal_hash.cli.console import ConsoleCallback
from crossmodal_hash.cli.options import DATA, MODEL, RUN, SETTINGS, Data, Device, Json, Quiet, ReaderName, SkipBad
from crossmodal_hash.cli.output import Output, print_interrupted

if TYPE_CHECKING:
    from crossmodal_hash.data import Dataset
    from crossmodal_hash.runs.folder import Run
    from crossmodal_hash.settings.flags import Flags
    from crossmodal_hash.settings.resolve import Resolved


def train(
    backbone: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Image backbone; see 'chash list backbone'.", rich_help_panel=MODEL),
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="NAME", help="Text backbone.", rich_help_panel=MODEL)] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="imagenet|none|PATH", help="Image backbone's weights.", rich_help_panel=MODEL)
    ] = None,
    fusion: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="How levels become one vector; see 'chash list fusion'.", rich_help_panel=MODEL
        ),
    ] = None,
    sim: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Graded similarity; 'hard' removes the graded term. See 'chash list sim'.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Loss of the leading pairwise term; see 'chash list loss'.", rich_help_panel=MODEL
        ),
    ] = None,
    bits: Annotated[int | None, typer.Option(help="Code length K. Default: 64.", rich_help_panel=MODEL)] = None,
    data: Data = None,
    reader: ReaderName = None,
    skip_bad: SkipBad = False,
    query: Annotated[
        int | None, typer.Option(help="Query items. Default: a tenth, at most 2,000.", rich_help_panel=DATA)
    ] = None,
    train: Annotated[
        int | None, typer.Option("--train", help="Training items. Default: half, at most 10,000.", rich_help_panel=DATA)
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="FILE", help="JSON of ids instead of a random split.", rich_help_panel=DATA)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run folder. Default: a new one under runs/.", rich_help_panel=RUN),
    ] = None,
    device: Device = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training items. Default: the recipe's.", rich_help_panel=RUN)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of split, initial weights and order. Default: 0.", rich_help_panel=RUN)
    ] = None,
    freeze_backbone: Annotated[
        bool | None,
        typer.Option(
            "--freeze-backbone/--no-freeze-backbone",
            help="Train on cached features. Default: on if there is no GPU.",
            rich_help_panel=RUN,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Continue an interrupted run; it keeps its settings.", rich_help_panel=RUN),
    ] = None,
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="See 'chash list recipe'.", rich_help_panel=SETTINGS)
    ] = "default",
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML that overrides the recipe.", rich_help_panel=SETTINGS)
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any setting; repeatable.", rich_help_panel=SETTINGS),
    ] = None,
    callbacks: Annotated[
        list[str] | None,
        typer.Option(
            "--callback",
            metavar="NAME",
            help="Callback, such as a tracker; repeatable, parameters as NAME,KEY=VALUE.",
            rich_help_panel=RUN,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the settings and stop.", rich_help_panel=SETTINGS)
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train one model and write a run folder.

    Later settings override earlier ones: defaults, recipe, file, --set, flags. Without --data the embedded drawings
    are used.
    """
    output = Output(as_json=as_json, quiet=quiet)
    told = [_made(text) for text in callbacks or []]
    if resume is not None:
        finish(output, resume_run(resume, data, ConsoleCallback(output), told))
        return
    flags: Flags = {
        "backbone": backbone, "text": text, "weights": weights, "fusion": fusion, "sim": sim, "loss": loss,
        "bits": bits, "epochs": epochs, "seed": seed, "device": device, "data": data, "reader": reader,
        "skip_bad": skip_bad or None, "query": query, "train": train, "split": split,
        "freeze_backbone": freeze_backbone,
    }  # fmt: skip
    resolved, dataset = prepare(recipe, config, set_ or [], flags, ConsoleCallback(output))
    if dry_run:
        entries = resolved.entries()
        rows = [(key, entry["value"], entry["origin"]) for key, entry in entries.items()]
        output.table(("setting", "value", "origin"), rows, entries, title=f"recipe {resolved.recipe}")
        return
    finish(output, train_run(resolved, dataset, out, ConsoleCallback(output), told))


def prepare(
    recipe: str, file: Path | None, sets: list[str], flags: Flags, console: ConsoleCallback
) -> tuple[Resolved, Dataset]:
    """Settings that fit the data, and the data."""
    from crossmodal_hash.api import build
    from crossmodal_hash.opening.open import open_own

    method = build(recipe, file=file, sets=sets, **flags)
    dataset = open_own(method.resolve().settings.data, callback=console)
    return method.resolve(dataset), dataset


def _made(text: str) -> Callback:
    """The callback that `--callback` names."""
    from crossmodal_hash.components import CALLBACKS
    from crossmodal_hash.settings.flags import read_part
    from crossmodal_hash.settings.parts import make

    return make(CALLBACKS, read_part(text), "--callback")


def train_run(
    resolved: Resolved,
    dataset: Dataset,
    out: Path | None,
    console: ConsoleCallback,
    callbacks: Sequence[Callback] = (),
) -> Run:
    """Train in a new folder."""
    from crossmodal_hash.training.trainer import train as fit

    with _says_how_to_continue(console):
        return fit(resolved, dataset, out=out, callback=Callbacks([console, *callbacks]))


def resume_run(path: Path, data: str | None, console: ConsoleCallback, callbacks: Sequence[Callback] = ()) -> Run:
    """Continue a run, on its own data or on the given data."""
    from crossmodal_hash.opening.open import open_own
    from crossmodal_hash.runs.folder import open_run
    from crossmodal_hash.training.trainer import resume

    run = open_run(path)
    with _says_how_to_continue(console):
        dataset = open_own(run.settings().data, data, callback=console)
        return resume(run, dataset, callback=Callbacks([console, *callbacks]))


@contextmanager
def _says_how_to_continue(console: ConsoleCallback) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if console.run is None:
            print_interrupted("features extracted so far are kept; run the same command to continue")
        else:
            from crossmodal_hash.runs.folder import Run

            saved = "saved; continue" if Run(console.run).checkpoint.exists() else "nothing was saved yet; start again"
            print_interrupted(f"{saved} with: chash train --resume {console.run}")
        raise
    except OSError as error:
        if console.run is not None:
            error.add_note(f"fix that, then continue with: chash train --resume {console.run}")
        raise


def finish(output: Output, run: Run) -> None:
    """Print the run folder and the next step."""
    from crossmodal_hash.runs.best_epoch import kept_scores
    from crossmodal_hash.runs.words import kept_line

    scores = kept_scores(run.metrics, run.settings().train.select)
    if kept := kept_line(scores):
        output.say(kept)
    output.line(str(run.path), {"run": str(run.path), **scores})
    output.say(f"next: chash encode {run.path}")
