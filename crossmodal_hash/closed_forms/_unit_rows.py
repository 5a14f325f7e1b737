"""Rows of length 1, whose inner products are the cosine similarity that most of these methods use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def unit_rows(x: NDArray[Any]) -> NDArray[np.float64]:
    """Labels (N, C) or vectors (N, D) divided by the length of their row; a row of zeros stays zero.

    Example:
        >>> unit_rows(np.array([[1, 0, 0], [0, 0, 0]], np.uint8)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    rows = x.astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0))
