"""Rows of a data set: some of them, and batches of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def spread(rows: Rows, most: int) -> Rows:
    """At most `most` of the rows, in their order, as evenly spread as possible.

    Example:
        >>> spread(np.arange(10), 4).tolist()
        [0, 3, 6, 9]
    """
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)]


def cut(rows: Rows, batch: int) -> list[Rows]:
    """`rows` in batches, the last one shorter.

    Example:
        >>> [part.tolist() for part in cut(np.arange(5), 2)]
        [[0, 1], [2, 3], [4]]
    """
    return [rows[start : start + batch] for start in range(0, len(rows), batch)]
