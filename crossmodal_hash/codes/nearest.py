"""The codes nearest to queries: an exact scan of the whole database, in memory that does not grow with it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.bits import check_packed
from crossmodal_hash.codes.hamming import distance_dtype, fill_distances, to_words
from crossmodal_hash.errors import CodesError, SettingsError, did_you_mean

Loop = Literal["numpy", "numba"]
QUERIES, ITEMS, FIRST = 16, 65_536, 2_048
"""Queries and database codes compared at once, 8 MB; and codes at the very beginning."""
FEW, TILE = 4, 4_096
"""Queries from which on it pays to copy the items; items at once for fewer, which stay in the cache."""
SHARED = 200_000
"""Comparisons from which on starting a thread costs less than it saves."""
COMPILING = 500_000_000
"""Comparisons that take about as long as importing numba and its compiled code."""


class Scan(Protocol):
    """The nearest so far of some queries, while blocks of the database are passed to it in order."""

    def __call__(self, items: NDArray[np.uint64], start: int, there: NDArray[np.bool_] | None) -> None:
        """Look at the words of items (n, W), of which the first is row `start`; those of `there` (n,) count."""

    def keys(self) -> NDArray[np.int64]:
        """Distance * N + row of what is kept, (Q, any number), in any order; filled up with the largest number."""


def nearest(
    queries: NDArray[np.uint8],
    database: NDArray[np.uint8],
    bits: int,
    k: int,
    there: NDArray[np.bool_] | None = None,
    *,
    threads: int | None = None,
    loop: Loop | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The k nearest items of a database for each query, nearest first, items at the same distance in database order.

    A scan is exact for any code length and fast up to about ten million codes; beyond that, an index that misses some
    of the nearest is faster. Items that are no nearer than the last one kept so far cost a comparison each.

    Args:
        queries: packed codes, uint8 (Q, ceil(K / 8)), padding zero.
        database: packed codes, uint8 (N, ceil(K / 8)), padding zero; may be memory-mapped.
        bits: K, >= 1.
        k: number of items, >= 1; all N if there are fewer.
        there: bool (N,), which items count, memory-mapped if need be; None: all.
        threads: threads that share the database; None: one for each core, if there is work for them.
        loop: implementation of the inner loop, with the same result: `numpy`, or `numba`, which compiles it (extra
            `fast`). None uses numba where it is installed, and already in use or worth its import.

    Returns:
        Rows of the database, and their distances in 0..K; both (Q, min(k, N)), with N the number of items that count.

    Raises:
        CodesError: if queries or database is not a packed matrix of `bits` bits, or k is below 1.
        SettingsError: if threads < 1, or the loop is unknown or not installed.

    Example:
        >>> database = np.array([[0b1110], [0b0001], [0b0011]], dtype=np.uint8)
        >>> rows, distance = nearest(np.array([[0b0001]], dtype=np.uint8), database, 4, 2)
        >>> rows.tolist(), distance.tolist()
        ([[1, 2]], [[0, 1]])
    """
    if k < 1:
        raise CodesError(f"the number of nearest items is {k}; use 1 or more")
    if threads is not None and threads < 1:
        raise SettingsError(f"threads must be at least 1, not {threads}")
    check_packed(queries, bits)
    check_packed(database, bits)
    n, work = len(database), len(queries) * len(database)
    kept = min(k, n if there is None else int(np.count_nonzero(there)))
    if not kept or not len(queries):
        return np.empty((len(queries), kept), np.int64), np.empty((len(queries), kept), np.int64)
    make = _choose(loop, work)
    words = to_words(queries)

    def part(start: int, stop: int) -> NDArray[np.int64]:
        scan = make(words, n, bits, kept)
        # A few first: they set the bound that spares most of the others a closer look.
        edges = [start, *range(min(start + FIRST, stop), stop, ITEMS), stop]
        for block, end in pairwise(edges):
            scan(to_words(database[block:end]), block, None if there is None else there[block:end])
        return scan.keys()

    # For few queries numpy works in pieces so short that threads wait for the interpreter.
    shared = make is not NumpyScan or len(queries) >= FEW
    workers = min(n, threads or (max(1, min(os.cpu_count() or 1, work // SHARED)) if shared else 1))
    bounds = np.linspace(0, n, workers + 1).astype(int).tolist()
    with ThreadPoolExecutor(workers) as pool:
        others = pool.map(part, bounds[1:-1], bounds[2:])
        # This thread has a share too: with one worker no other is started.
        keys = np.concatenate([part(0, bounds[1]), *others], axis=1)
    keys = np.sort(np.partition(keys, kept - 1, axis=1)[:, :kept], axis=1)
    distance, row = np.divmod(keys, n)
    return row, distance


class NumpyScan:
    """A block of distances at a time."""

    def __init__(self, words: NDArray[np.uint64], n: int, bits: int, kept: int) -> None:
        self.words, self.n, self.bits, self.kept = words, n, bits, kept
        # One number orders by distance first and row second, so that ties need no further care.
        self.best = [np.empty(0, np.int64)] * len(words)
        # The largest distance that still changes what is found: a later item must be nearer than the last one kept.
        self.limits = np.full(len(words), bits, distance_dtype(bits))

    def __call__(self, items: NDArray[np.uint64], start: int, there: NDArray[np.bool_] | None) -> None:
        """Distances to some queries at once; only what is near enough is looked at further."""
        few = len(self.words) < FEW and items.shape[1] > 1
        columns = items if few else np.ascontiguousarray(items.T)
        found = np.empty((min(QUERIES, len(self.words)), len(items)), self.limits.dtype)
        for first in range(0, len(self.words), QUERIES):
            asked = self.words[first : first + QUERIES]
            distances = found[: len(asked)]
            (self._fill_few if few else fill_distances)(asked, columns, distances)
            limits = self.limits[first : first + QUERIES]
            for i in np.flatnonzero(distances.min(axis=1) <= limits).tolist():
                near = distances[i] <= limits[i]
                rows = np.flatnonzero(near if there is None else near & there)
                self._keep(first + i, distances[i, rows].astype(np.int64) * self.n + (rows + start))

    def keys(self) -> NDArray[np.int64]:
        """Of each query, the smallest."""
        out = np.full((len(self.best), self.kept), np.iinfo(np.int64).max)
        for row, best in zip(out, self.best, strict=True):
            row[: len(best)] = best
        return out

    def _fill_few(self, queries: NDArray[np.uint64], items: NDArray[np.uint64], out: NDArray[Any]) -> None:
        """Distances without a copy of the items that has a row for each word, which pays only for several queries."""
        width = items.shape[1]
        xor, ones = np.empty(TILE * width, np.uint64), np.empty(TILE * width, np.uint8)
        for query, row in zip(queries, out, strict=True):
            repeated = np.tile(query, min(TILE, len(items)))
            for start in range(0, len(items), TILE):
                flat = items[start : start + TILE].reshape(-1)
                np.bitwise_xor(flat, repeated[: len(flat)], out=xor[: len(flat)])
                np.bitwise_count(xor[: len(flat)], out=ones[: len(flat)])
                tile = row[start : start + TILE]
                tile[:] = ones[: len(flat) : width]
                for word in range(1, width):
                    tile += ones[word : len(flat) : width]

    def _keep(self, query: int, keys: NDArray[np.int64]) -> None:
        best = np.concatenate([self.best[query], keys])
        if len(best) > self.kept:
            best = np.partition(best, self.kept - 1)[: self.kept]
            # At distance 0 nothing is nearer; items at 0 are looked at once more and found to come too late.
            self.limits[query] = max(int(best.max()) // self.n - 1, 0)
        self.best[query] = best


def _choose(loop: Loop | None, work: int) -> Callable[[NDArray[np.uint64], int, int, int], Scan]:
    if loop is not None and loop not in get_args(Loop):
        known = get_args(Loop)
        raise SettingsError(f"unknown loop {loop!r}{did_you_mean(loop, known)}; known are {', '.join(known)}")
    installed = "numba" in sys.modules or importlib.util.find_spec("numba") is not None
    if loop == "numba" and not installed:
        raise SettingsError("loop 'numba' is not installed; install it with 'pip install crossmodal-hash[fast]'")
    if loop == "numba" or (loop is None and installed and ("numba" in sys.modules or work >= COMPILING)):
        from crossmodal_hash.codes.nearest_on_numba import NumbaScan

        return NumbaScan
    return NumpyScan
