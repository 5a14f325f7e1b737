"""Batch statistics for the final weights, and the scale of the input, estimated on training items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from crossmodal_hash.model import HashModel
from crossmodal_hash.training.drawn import Drawn
from crossmodal_hash.training.inputs import Cached, Dense, Inputs, WithWords
from crossmodal_hash.training.rows import Rows, spread
from crossmodal_hash.training.shortcut import fit_shortcut
from crossmodal_hash.training.step import precision, to_device
from crossmodal_hash.training.stream import Stream

BATCHES = 32
"""Largest number of batches: statistics of a few thousand items are precise enough, and pictures are slow."""
ROWS = 10_000
"""Largest number of rows to fit the scale of a matrix or a shortcut."""


def fit_inputs(model: HashModel, streams: Mapping[str, Stream], rows: Rows, seed: int) -> None:
    """Fit the scale of every tower's input, so that the units of the data do not matter, and then its shortcut.

    Frozen features get mean 0 and deviation 1 over the training items, for each channel, and so do the columns of a
    matrix of feature vectors; a matrix of words gets one factor. Words that were counted here are not scaled. Of items
    with several texts, all texts count.
    """
    for name, given in streams.items():
        tower = model.tower(name)
        stream, own = (given.stream, given.texts_of(rows)) if isinstance(given, Drawn) else (given, rows)
        stream = stream.cached if isinstance(stream, WithWords) else stream
        if isinstance(stream, Cached) and tower.standardize is not None:
            tower.standardize.fit(tuple(level.rows(torch.from_numpy(own)) for level in stream.levels))
            some = torch.from_numpy(spread(own, ROWS))
            fit_shortcut(tower, tuple(level.rows(some) for level in stream.levels), seed)
        elif isinstance(stream, Dense) and not stream.counted and tower.scale is not None:
            tower.scale.fit(torch.from_numpy(stream.matrix.dense(spread(own, ROWS))))


def renew_statistics(
    model: HashModel, inputs: Inputs, rows: Rows, *, batch: int, seed: int, device: torch.device, names: Iterable[str]
) -> None:
    """Estimate the batch statistics of some towers again, with the current weights.

    In training batch norm uses the batch; afterwards it uses a running average over the steps, that is over earlier
    weights, which after few steps is still close to the initial values 0 and 1. Here it becomes the mean over up to 32
    batches of training items, processed as by `chash encode`: without dropout, mirroring or random crops.

    Args:
        model: the towers; its mode is restored.
        inputs: inputs of all items.
        rows: the training items.
        batch: B of the training; items are divided evenly, so that no batch is much smaller.
        seed: draws the batches.
        device: device of the model.
        names: the towers.
    """
    order = np.random.default_rng(seed).permutation(rows)
    plan = np.array_split(order, max(len(order) // batch, 1))[:BATCHES]
    norms = {name: found for name in names if (found := list(batch_norms(model, name)))}
    training = model.training
    model.eval()
    with _estimating([norm for found in norms.values() for norm in found]), torch.no_grad():
        for items in inputs.plain().batches(plan if norms else [], list(norms)):
            with precision(device):
                model(to_device(items, device).inputs)
    model.train(training)


def batch_norms(model: HashModel, name: str) -> Iterator[_BatchNorm]:
    """The batch norms of a tower that update their statistics in training: not those of a frozen backbone."""
    tower = model.tower(name)
    frozen = set(tower.backbone.modules()) if tower.condense is not None else set[nn.Module]()
    for module in tower.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats and module not in frozen:
            yield module


@contextmanager
def _estimating(norms: list[_BatchNorm]) -> Iterator[None]:
    """Until the block ends, batch norms take the plain mean over batches, each with the same weight."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
