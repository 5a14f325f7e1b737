"""A training from its start to its run folder, by gradient or in closed form, and an interrupted one taken up again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crossmodal_hash.atomic import write_bytes
from crossmodal_hash.callbacks import Callback
from crossmodal_hash.data import Dataset, Split, Vocabulary
from crossmodal_hash.errors import DataError, RunError
from crossmodal_hash.runs.create import (
    locked,
    new_run,
    note_latest,
    refuse_taken,
    write_description,
)
from crossmodal_hash.runs.folder import Run
from crossmodal_hash.settings.resolve import Resolved
from crossmodal_hash.settings.schema import Settings
from crossmodal_hash.training import checkpoint
from crossmodal_hash.training.closed_form import Fitting
from crossmodal_hash.training.fit_to_data import left_out
from crossmodal_hash.training.gradient import Training
from crossmodal_hash.training.inputs import Streamed
from crossmodal_hash.training.setup import input_widths, split_of, vocabulary_of
from crossmodal_hash.training.training_evidence import check_evidence


def train(resolved: Resolved, dataset: Dataset, *, out: Path | None = None, callback: Callback | None = None) -> Run:
    """Train a model into a fresh run folder, which is made when nothing can be wrong with settings and data any more.

    Args:
        resolved: settings and their origins.
        dataset: items with the evidence that the settings need; its split is drawn, or read from the file that the
            settings name.
        out: the folder; none makes one under `runs/`.
        callback: told the progress.

    Raises:
        DataError: data that cannot be trained on.
        RunError: `out` holds something already.
        TrainingError: a loss that is no longer finite.
    """
    settings = resolved.settings
    callback = callback or Callback()
    if out is not None:
        refuse_taken(out)
    check_evidence(dataset, resolved)
    split = split_of(dataset, settings)
    if len(split.train) < 2:
        raise DataError(
            f"the split of {dataset.name} leaves {len(split.train)} item to train on; at least 2 are needed"
        )
    vocabulary = vocabulary_of(dataset, settings, split)
    for note in left_out(resolved):
        callback.on_note(note)
    training = _work(settings, dataset, split, vocabulary, callback)
    for stream in training.inputs.streams.values():
        if isinstance(stream, Streamed):
            stream.check(np.concatenate([split.train, split.validation]), callback)
    run = new_run(out, settings)
    with locked(run):
        if vocabulary is not None:
            write_bytes(run.path / "vocabulary.json", vocabulary.to_json().encode())
        inputs = input_widths(settings, dataset, vocabulary)
        write_description(run, resolved, dataset, split, inputs, training.device)
        callback.on_run_start(run.path)
        training.fit(run)
        callback.on_run_end(run.path)
    note_latest(run)
    return run


def resume(run: Run, dataset: Dataset, *, callback: Callback | None = None) -> Run:
    """Take up an interrupted training where its last checkpoint left it.

    Args:
        run: the unfinished run.
        dataset: the data it was started on.
        callback: told the progress.

    Raises:
        RunError: if the run has finished, is in use, has a corrupt checkpoint, or was started on other data.
    """
    callback = callback or Callback()
    if run.is_finished():
        raise RunError(f"{run.path} has finished training; there is nothing to resume")
    made_on = run.read("environment.json", "data")
    if made_on["fingerprint"] != dataset.fingerprint():
        raise RunError(
            f"{run.path} was trained on {made_on['items']} items of {made_on['name']}, "
            f"not on these {len(dataset)} of {dataset.name}; give the same --data"
        )
    with run.lock():
        training = _work(run.settings(), dataset, run.split(dataset.ids), run.vocabulary(), callback)
        if run.checkpoint.exists() and isinstance(training, Training):
            training = training.at(checkpoint.load(run.checkpoint)[0])
        callback.on_run_start(run.path)
        training.restore(run)
        training.fit(run)
        callback.on_run_end(run.path)
    note_latest(run)
    return run


def _work(
    settings: Settings, dataset: Dataset, split: Split, vocabulary: Vocabulary | None, callback: Callback
) -> Training | Fitting:
    """What there is to do, with parts built and inputs ready: train step by step, or fit at once."""
    kind = Training if settings.closed_form is None else Fitting
    return kind(settings, dataset, split, vocabulary, callback)
