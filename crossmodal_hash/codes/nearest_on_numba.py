"""The inner loop of the scan for nearest codes as machine code, by numba if it is installed (the extra `fast`)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.hamming import distance_dtype
from crossmodal_hash.codes.ones_on_numba import ones_of_word

TILE = 2_048
"""Distances computed at once: they are looked at while they are in the first-level cache."""
NOTHING = np.empty(0, np.bool_)


class NumbaScan:
    """As `NumpyScan`, without a distance that leaves the processor's cache."""

    def __init__(self, words: NDArray[np.uint64], n: int, bits: int, kept: int) -> None:
        self.words, self.n, self.kept = np.ascontiguousarray(words), n, kept
        room = (len(words), 2 * kept + TILE)
        self.rows, self.distances = np.empty(room, np.int64), np.empty(room, np.uint16)
        self.used = np.zeros(len(words), np.int64)
        self.limits = np.full(len(words), bits, np.int64)
        self.scratch, self.counts = np.empty(TILE, distance_dtype(bits)), np.zeros(bits + 1, np.int64)

    def __call__(self, items: NDArray[np.uint64], start: int, there: NDArray[np.bool_] | None) -> None:
        """Tile after tile for each query."""
        _loop(self.words.shape[1])(
            self.words,
            items.reshape(-1),
            NOTHING if there is None else there,
            start,
            self.kept,
            self.scratch,
            self.counts,
            self.rows,
            self.distances,
            self.used,
            self.limits,
        )

    def keys(self) -> NDArray[np.int64]:
        """What is kept, and some that are not near enough."""
        keys = self.distances.astype(np.int64) * self.n + self.rows
        keys[np.arange(keys.shape[1]) >= self.used[:, None]] = np.iinfo(np.int64).max
        return keys


@cache
def _loop(width: int) -> Any:
    """The loop for codes of so many words: a number that the compiler knows is one that it can make vectors for.

    One function, because a function inside another one would be compiled anew by every process.
    """

    def scan(
        queries: Any,
        flat: Any,
        there: Any,
        first: Any,
        kept: Any,
        scratch: Any,
        counts: Any,
        rows: Any,
        distances: Any,
        used: Any,
        limits: Any,
    ) -> None:
        n = len(flat) // width
        for start in range(0, n, TILE):
            tile = scratch[: min(TILE, n - start)]
            words = flat[width * start : width * (start + len(tile))]
            for q in range(len(queries)):
                query, limit, count = queries[q], limits[q], used[q]
                for i in range(len(tile)):
                    total = np.uint64(0)
                    for w in range(width):
                        total += ones_of_word(words[width * i + w] ^ query[w])
                    tile[i] = total
                least = tile[0]
                for i in range(len(tile)):
                    least = min(least, tile[i])
                if least > limit:
                    continue
                for i in range(len(tile)):
                    if tile[i] <= limit and (not len(there) or there[start + i]):
                        rows[q, count], distances[q, count] = first + start + i, tile[i]
                        count += 1
                # Sorting out costs more than a few items too many; there is room for another tile.
                if count > 2 * kept:
                    counts[:] = 0
                    for j in range(count):
                        counts[distances[q, j]] += 1
                    last, left = 0, kept
                    while counts[last] < left:
                        left -= counts[last]
                        last += 1
                    # Rows ascend, so that of items at one distance the first ones stay.
                    stay = 0
                    for j in range(count):
                        distance = distances[q, j]
                        if distance < last or (distance == last and left > 0):
                            left -= distance == last
                            rows[q, stay], distances[q, stay] = rows[q, j], distance
                            stay += 1
                    count, limits[q] = stay, last - 1
                used[q] = count

    return numba.njit(nogil=True, cache=True)(scan)
