"""Label rows of length 1, whose inner products are the cosine similarity that most of these methods use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def unit_rows(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Labels (N, C) divided by the length of their row; a row without labels stays zero.

    Example:
        >>> unit_rows(np.array([[1, 0, 0], [0, 0, 0]], np.uint8)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    rows = labels.astype(np.float64)
    return np.asarray(rows / np.sqrt(np.maximum(rows.sum(1, keepdims=True), 1.0)))
