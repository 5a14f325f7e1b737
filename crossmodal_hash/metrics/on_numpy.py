"""The inner loop of counting in numpy: available in every installation, and the reference for the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.hamming import distance_dtype, fill_distances, to_words
from crossmodal_hash.metrics.database_block import DatabaseBlock
from crossmodal_hash.metrics.relevance import each_query

BLOCK = 8
"""Queries processed at once, so that a tile of codes is read from the cache eight times."""
PAIRING = 8_192
"""From this number on, folding the table of pairs is faster than counting one by one."""


@dataclass(eq=False)
class NumpyBlock(DatabaseBlock):
    """Counts by `bincount`, or in pairs where that is faster."""

    def __post_init__(self) -> None:
        self.words, self.columns = to_words(self.queries), np.ascontiguousarray(to_words(self.items).T)
        self.of_query = self.level(0, len(self.items))

    def __call__(self, rows: NDArray[np.intp]) -> None:
        """Count for some queries."""
        groups, depth, n = *self.table.shape[1:], self.columns.shape[1]
        paired = depth <= 2 and groups < 256 >= groups * depth and n >= PAIRING
        histogram = _PairHistogram(n, groups * depth) if paired else None
        last: NDArray[Any] | None = None
        offset: NDArray[Any] = np.empty(0)
        buffer = np.empty((min(BLOCK, len(rows)), n), distance_dtype(groups - 1))
        asked = each_query(rows, self.of_query, self.relevance.group)
        for start in range(0, len(rows), BLOCK):
            distance = buffer[: len(rows) - start]
            fill_distances(self.words[rows[start : start + BLOCK]], self.columns, distance)
            for d, (query, grades) in zip(distance, asked, strict=False):
                if grades is not last:
                    last = grades
                    offset = -grades & np.uint8(groups) if paired else grades * np.int64(groups)
                if histogram is None:
                    found = np.bincount(d + offset, minlength=groups * depth)
                else:
                    found = histogram(np.add(d, offset, out=d))
                self.table[query] += found.reshape(depth, -1).T


class _PairHistogram:
    """Counts bytes below `used` two at a time: half the steps of the slow loop.

    Two bytes x, y are the number x + 256 y, or y + 256 x: either way the row sums plus the column sums of the
    256 x 256 table of pairs are the counts of single bytes. `numpy.add.at` needs a third less time than `bincount`,
    which first searches for the extremes and creates a new table each time.
    """

    def __init__(self, size: int, used: int) -> None:
        self.index = np.empty(size // 2, np.intp)
        self.pairs = np.zeros((used, 256), np.int64)
        self.used = used

    def __call__(self, key: NDArray[np.uint8]) -> NDArray[np.int64]:
        even = len(key) & ~1
        np.copyto(self.index, key[:even].view(np.uint16))
        self.pairs.fill(0)
        np.add.at(self.pairs.reshape(-1), self.index, 1)
        square = self.pairs[:, : self.used]
        single = square.sum(axis=0) + square.sum(axis=1)
        single[key[even:]] += 1
        return np.asarray(single)
