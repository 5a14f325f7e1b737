"""Rows of a data set, and how they are cut into batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def cut(rows: Rows, batch: int) -> list[Rows]:
    """`rows` in batches, the last one shorter.

    Example:
        >>> [part.tolist() for part in cut(np.arange(5), 2)]
        [[0, 1], [2, 3], [4]]
    """
    return [rows[start : start + batch] for start in range(0, len(rows), batch)]
