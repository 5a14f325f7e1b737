"""The codes nearest to queries: an exact scan of the whole database, in memory that does not grow with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.hamming import distance_dtype, distances
from crossmodal_hash.errors import CodesError

QUERIES, ITEMS = 16, 65_536
"""Queries and database codes compared at once: 8 MB of keys."""


def nearest(
    queries: NDArray[np.uint8],
    database: NDArray[np.uint8],
    bits: int,
    k: int,
    there: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The k nearest items of a database for each query, nearest first, items at the same distance in database order.

    A scan is exact for any code length and fast up to about ten million codes; beyond that, the index of a search
    engine can read the same bytes. Items that are no nearer than the last one kept so far cost a comparison each.

    Args:
        queries: packed codes, uint8 (Q, ceil(K / 8)), padding zero.
        database: packed codes, uint8 (N, ceil(K / 8)), padding zero; may be memory-mapped.
        bits: K, >= 1.
        k: number of items, >= 1; all N if there are fewer.
        there: bool (N,), which items count, memory-mapped if need be; None: all.

    Returns:
        Rows of the database, and their distances in 0..K; both (Q, min(k, N)), with N the number of items that count.

    Raises:
        CodesError: if queries or database is not a packed matrix of `bits` bits, or k is below 1.

    Example:
        >>> database = np.array([[0b1110], [0b0001], [0b0011]], dtype=np.uint8)
        >>> rows, distance = nearest(np.array([[0b0001]], dtype=np.uint8), database, 4, 2)
        >>> rows.tolist(), distance.tolist()
        ([[1, 2]], [[0, 1]])
    """
    if k < 1:
        raise CodesError(f"the number of nearest items is {k}; use 1 or more")
    n = len(database)
    kept = min(k, n if there is None else int(np.count_nonzero(there)))
    # One number orders by distance first and row second, so that ties need no further care.
    keys = np.empty((len(queries), kept), np.int64)
    for first in range(0, len(queries), QUERIES):
        asked = queries[first : first + QUERIES]
        best = [np.empty(0, np.int64)] * len(asked)
        # The largest distance that still changes what is found: a later item must be nearer than the last one kept.
        limit = np.full((len(asked), 1), bits, distance_dtype(bits))
        for start in range(0, n, ITEMS):
            found = distances(asked, database[start : start + ITEMS], bits)
            near = found <= limit
            if there is not None:
                near &= there[start : start + ITEMS]
            for query in np.flatnonzero(near.any(axis=1)):
                rows = np.flatnonzero(near[query])
                nearer = found[query, rows].astype(np.int64) * n + (rows + start)
                best[query], limit[query, 0] = _first(np.concatenate([best[query], nearer]), kept, n, bits)
        keys[first : first + QUERIES] = np.sort(np.array(best, np.int64).reshape(len(asked), kept), axis=1)
    distance, row = np.divmod(keys, max(n, 1))
    return row, distance


def _first(keys: NDArray[np.int64], kept: int, n: int, bits: int) -> tuple[NDArray[np.int64], int]:
    """The smallest keys, and the largest distance of a later item that would be among them."""
    if len(keys) <= kept:
        return keys, bits
    keys = np.partition(keys, kept - 1)[:kept]
    # At distance 0 nothing is nearer; items at 0 are looked at once more and found to come too late.
    return keys, max(int(keys.max()) // n - 1, 0)
