"""The codes nearest to queries: an exact scan of the whole database, in memory that does not grow with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.hamming import distances
from crossmodal_hash.errors import CodesError

QUERIES, ITEMS = 16, 65_536
"""Queries and database codes compared at once: 8 MB of keys."""


def nearest(
    queries: NDArray[np.uint8], database: NDArray[np.uint8], bits: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The k nearest items of a database for each query, nearest first, items at the same distance in database order.

    A scan is exact for any code length and fast up to about ten million codes; beyond that, the index of a search
    engine can read the same bytes.

    Args:
        queries: packed codes, uint8 (Q, ceil(K / 8)), padding zero.
        database: packed codes, uint8 (N, ceil(K / 8)), padding zero; may be memory-mapped.
        bits: K, >= 1.
        k: number of items, >= 1; all N if there are fewer.

    Returns:
        Rows of the database, and their distances in 0..K; both (Q, min(k, N)).

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
    kept = min(k, n)
    # One number orders by distance first and row second, so that ties need no further care.
    keys = np.empty((len(queries), kept), np.int64)
    for first in range(0, len(queries), QUERIES):
        asked = queries[first : first + QUERIES]
        best = np.empty((len(asked), 0), np.int64)
        for start in range(0, n, ITEMS):
            items = database[start : start + ITEMS]
            found = distances(asked, items, bits).astype(np.int64) * n + np.arange(start, start + len(items))
            best = np.concatenate([best, found], axis=1)
            if best.shape[1] > kept:
                best = np.partition(best, kept - 1, axis=1)[:, :kept]
        keys[first : first + QUERIES] = np.sort(best, axis=1)
    distance, row = np.divmod(keys, max(n, 1))
    return row, distance
