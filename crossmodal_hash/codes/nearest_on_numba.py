"""The inner loop of the scan for nearest codes as machine code, by numba if it is installed (the extra `fast`)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic
from numpy.typing import NDArray

from crossmodal_hash.codes.hamming import distance_dtype

TILE = 2_048
"""Distances computed at once: they are looked at while they are in the first-level cache."""
NOTHING = np.empty(0, np.bool_)
LAST = np.iinfo(np.int64).max


class NumbaScan:
    """As `NumpyScan`, without a distance that leaves the processor's cache."""

    def __init__(self, words: NDArray[np.uint64], n: int, bits: int, kept: int) -> None:
        self.words, self.n, self.kept = np.ascontiguousarray(words), n, kept
        self.room = np.full((len(words), 2 * kept + TILE), LAST)
        self.used = np.zeros(len(words), np.int64)
        self.limits = np.full(len(words), bits, np.int64)
        self.scratch = np.empty(TILE, distance_dtype(bits))

    def __call__(self, items: NDArray[np.uint64], start: int, there: NDArray[np.bool_] | None) -> None:
        """Tile after tile for each query."""
        _loop(self.words.shape[1])(
            self.words,
            items.reshape(-1),
            NOTHING if there is None else there,
            start,
            self.n,
            self.kept,
            self.scratch,
            self.room,
            self.used,
            self.limits,
        )

    def keys(self) -> NDArray[np.int64]:
        """What is kept, and some that are not near enough."""
        for row, used in zip(self.room, self.used, strict=True):
            row[used:] = LAST
        return self.room


def _emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.ctpop(arguments[0])


_ones: Any = intrinsic(lambda context, x: (numba.types.uint64(numba.types.uint64), _emit))
"""Population count of a word, which the compiler turns into vector instructions."""


@cache
def _loop(width: int) -> Any:
    """The loop for codes of so many words: a number that the compiler knows is one that it can make vectors for."""

    def fill(query: Any, flat: Any, out: Any) -> Any:
        """The distances of the items of a tile, and the least of them."""
        for i in range(len(out)):
            total = np.uint64(0)
            for w in range(width):
                total += _ones(flat[width * i + w] ^ query[w])
            out[i] = total
        least = out[0]
        for i in range(len(out)):
            least = min(least, out[i])
        return least

    filled: Any = numba.njit(nogil=True, cache=True)(fill)

    def scan(
        queries: Any,
        flat: Any,
        there: Any,
        first: Any,
        n: Any,
        kept: Any,
        scratch: Any,
        room: Any,
        used: Any,
        limits: Any,
    ) -> None:
        count_of_items = len(flat) // width
        for start in range(0, count_of_items, TILE):
            tile = scratch[: min(TILE, count_of_items - start)]
            words = flat[width * start : width * (start + len(tile))]
            for q in range(len(queries)):
                if filled(queries[q], words, tile) > limits[q]:
                    continue
                count = used[q]
                for i in range(len(tile)):
                    if tile[i] <= limits[q] and (not len(there) or there[start + i]):
                        room[q, count] = np.int64(tile[i]) * n + (first + start + i)
                        count += 1
                # Sorting out costs more than a few items too many; there is room for another tile.
                if count > 2 * kept:
                    best = np.partition(room[q, :count], kept - 1)[:kept]
                    room[q, :kept] = best
                    # At distance 0 nothing is nearer; items at 0 are looked at once more and come too late.
                    count, limits[q] = kept, max(best.max() // n - 1, 0)
                used[q] = count

    return numba.njit(nogil=True, cache=True)(scan)
