"""Items of several texts in training: one text of each is drawn every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.training.rows import Rows
from crossmodal_hash.training.stream import Stream
from crossmodal_hash.types import TowerInput

DRAW = 0x7E47
"""Sets these random numbers apart from the order of the batches, which comes from seed and epoch as well."""


def draw(counts: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """The number of one text for each item, at random, each with the same probability.

    The draw depends on nothing but its arguments, so a resumed run draws alike, in whatever order items are asked for.

    Args:
        counts: number of texts of each item, (N,), >= 1.
        seed: of the training, >= 0.
        epoch: from 0.

    Returns:
        (N,), each from 0 to its count - 1.

    Example:
        >>> draw(np.array([1, 5, 5]), 0, 0).tolist(), draw(np.array([1, 5, 5]), 0, 1).tolist()
        ([0, 2, 4], [0, 1, 1])
    """
    shares = np.random.default_rng([seed, epoch, DRAW]).random(len(counts))
    return (shares * counts).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Drawn:
    """The texts of N items, where every item shows one of its texts: another one every epoch, or the first.

    Attributes:
        stream: inputs of all T texts, those of an item one after another.
        owners: the item of each text, (T,), ascending.
        seed: draws the texts; None takes the first.
    """

    stream: Stream
    owners: NDArray[np.int64]
    seed: int | None = None

    def plain(self) -> Drawn:
        """The first text of every item."""
        return replace(self, stream=self.stream.plain(), seed=None)

    def texts_of(self, rows: Rows) -> Rows:
        """The rows of `stream` that are texts of the items at `rows`."""
        return np.flatnonzero(np.isin(self.owners, rows))

    def batches(self, plan: Sequence[Rows], epoch: int = 0) -> Iterator[TowerInput]:
        """What the stream gives for one text of each item."""
        counts = np.bincount(self.owners)
        chosen = np.cumsum(counts) - counts
        if self.seed is not None:
            chosen = chosen + draw(counts, self.seed, epoch)
        yield from self.stream.batches([chosen[rows] for rows in plan], epoch)
