"""Closed-form methods: collects the features of the training items, and fits the hash functions of the towers."""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray

from crossmodal_hash.callbacks import Callback, EpochRecord
from crossmodal_hash.contracts import ClosedForm
from crossmodal_hash.data import Dataset, Split, Vocabulary
from crossmodal_hash.device import pick_device
from crossmodal_hash.errors import TrainingError
from crossmodal_hash.factory import build_closed_form, build_model
from crossmodal_hash.model import HashModel, Tower
from crossmodal_hash.runs import history
from crossmodal_hash.runs.folder import Run
from crossmodal_hash.runs.weights import save_weights
from crossmodal_hash.settings.schema import Settings
from crossmodal_hash.training.inputs import Inputs, prepare, widths
from crossmodal_hash.training.real_codes import BATCH
from crossmodal_hash.training.resources import available_memory, peak_memory
from crossmodal_hash.training.rows import Rows, cut
from crossmodal_hash.training.step import move
from crossmodal_hash.training.stream import Stream
from crossmodal_hash.training.validation import validation_scores


class Fitting:
    """A closed-form method with everything it needs; `fit` runs it at once, with one record, as if it were one epoch.

    Args:
        settings: with a closed form.
        dataset: N items, with labels if the method needs them.
        split: the items for fitting and for validation.
        vocabulary: vocabulary for texts.
        callback: receives the progress.

    Raises:
        TrainingError: if the machine does not have enough memory.
    """

    def __init__(
        self, settings: Settings, dataset: Dataset, split: Split, vocabulary: Vocabulary | None, callback: Callback
    ) -> None:
        method = build_closed_form(settings)
        assert method is not None
        self.method: ClosedForm = method
        self.settings, self.split, self.callback = settings, split, callback
        self.device = pick_device(settings.device)
        self.model: HashModel = build_model(settings, widths(dataset, vocabulary)).to(self.device).eval()
        check_memory(self.method, self.model, len(split.train), available_memory())
        self.inputs: Inputs = prepare(
            dataset, self.model, vocabulary, self.device, workers=settings.train.workers, callback=callback
        )

    def restore(self, run: Run) -> None:
        """Start again, because a fit that was killed cannot be resumed."""
        history.keep_until(run.metrics, 0)

    def fit(self, run: Run) -> None:
        """Fit, score the validation part, fit again to all items if requested, save."""
        validation = self.split.validation
        self._fit(run, self.split.train, score=len(validation) > 0)
        if self.settings.train.refit and len(validation):
            self._fit(run, self.split.given().train, again=True)
        save_weights(run.weights, self.model)

    def _fit(self, run: Run, rows: Rows, *, score: bool = False, again: bool = False) -> None:
        started = time.monotonic()
        known = self.inputs.labels
        labels = np.zeros((len(rows), 0), np.uint8) if known is None else known.numpy()[rows]
        streams = self.inputs.streams.items()
        features = {name: gather(self.model.tower(name), stream, rows, self.device) for name, stream in streams}
        assert self.settings.closed_form is not None
        label = f"fit {self.settings.closed_form.name} to {len(rows)} items"
        generator = np.random.default_rng(self.settings.seed)
        with self.callback.task(label, 1) as advance:
            fitted = self.method.fit(features, labels, self.settings.bits, generator)
            advance(1)
        for name, function in fitted.items():
            self.model.tower(name).fusion.load_state_dict(function.state_dict())
        seconds = time.monotonic() - started
        by = {self.method.sees}
        scores = validation_scores(self.model, self.inputs, self.split, self.device, by=by) if score else {}
        epoch = 2 if again else 1
        record = EpochRecord(epoch, epoch, seconds, peak_memory(self.device), {}, scores, bool(scores), again)
        history.append(run.metrics, record)
        self.callback.on_epoch_end(record)


def gather(tower: Tower, stream: Stream, rows: Rows, device: torch.device) -> NDArray[np.float64]:
    """The input of the hash function, (n, D) in the order of `rows`; levels are concatenated."""
    parts = []
    with torch.inference_mode():
        for x in stream.batches(cut(rows, BATCH)):
            placed = move(x, device)
            levels = tower.choose(tower.levels(placed)) if isinstance(placed, torch.Tensor) else placed
            parts.append(torch.cat(tower.vectors(levels), 1).double().cpu().numpy())
    return np.concatenate(parts)


def check_memory(method: ClosedForm, model: HashModel, items: int, available: int | None) -> None:
    """Reject a fit that needs too much memory, before anything is read.

    Raises:
        TrainingError: with the needed and the available memory.
    """
    width = {
        name: sum(tower.pooling.width(tower.backbone.levels[i]) for i in tower.chosen)
        for name in model.modalities
        for tower in [model.tower(name)]
    }
    needed = method.memory(items, width, model.bits)
    if available is not None and needed > available:
        raise TrainingError(
            f"{type(method).__name__} needs about {needed / 1e9:.1f} GB for {items} training items, but "
            f"{available / 1e9:.1f} GB are free; use fewer, such as --train {max(items * available // needed // 2, 2)}"
        )
