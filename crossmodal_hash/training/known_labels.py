"""Codes of items with known labels, made only from the labels, for queries with unknown labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from crossmodal_hash.training.rows import spread

SLOPE = 8.0
"""Factor on the inner product, times 1 / K: the default of `pairwise-nll`."""
ITEMS = 2000
"""Largest number of training items that represent the queries."""
STEPS = 30
CHUNK = 1024
LEAST = 1e-3
"""Smallest share of similar, and of other, pairs that is assumed."""

Reals = NDArray[np.float32]


def codes_of_labels(labels: NDArray[np.uint8], real: Mapping[str, Reals], learned: NDArray[np.uint8]) -> Reals:
    """For each item the code whose distance best predicts which queries share a label with it.

    A query is known only by its real code u, and training items represent future queries, each once per modality. The
    code b of an item minimizes over [-1, 1]^K the mean of log(1 + e^theta) - s theta, theta = slope <b, u> + log-odds
    of a similar pair, s = 1 if a label is shared: a convex logistic regression in a box, solved by 30 steps of
    accelerated projected gradient from 0. Items with the same labels get the same code.

    Args:
        labels: (N, C) of the items that get codes.
        real: modality -> real codes (n, K) of training items, clipped to [-1, 1].
        learned: (n, C), the training items' labels; n >= 1.

    Returns:
        (N, K) in [-1, 1].

    Example:
        >>> u = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)
        >>> codes_of_labels(np.eye(2, dtype=np.uint8), {"image": u}, np.eye(2, dtype=np.uint8)).round().tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    some = spread(np.arange(len(learned)), ITEMS)
    u = np.concatenate([values[some].clip(-1, 1) for values in real.values()]).astype(np.float32)
    vectors, which = np.unique(labels, axis=0, return_inverse=True)
    seen = np.tile(learned[some].astype(np.float32), (len(real), 1))
    shared = float(((learned[some].astype(np.float32) @ seen.T) > 0).mean()) if len(some) else 0.5
    parts = [
        _regression(u, (vectors[i : i + CHUNK].astype(np.float32) @ seen.T) > 0, shared)
        for i in range(0, len(vectors), CHUNK)
    ]
    return np.concatenate([*parts, np.zeros((0, u.shape[1]), np.float32)])[which.reshape(-1)]


def _regression(u: Reals, similar: NDArray[np.bool_], shared: float) -> Reals:
    """(n, K) codes and (V, n) similarity -> (V, K)."""
    n, bits = u.shape
    slope = np.float32(SLOPE / bits)
    bias = np.float32(logit(np.clip(shared, LEAST, 1 - LEAST)))
    curvature = float(slope) ** 2 / 4 * float(np.linalg.eigvalsh((u.T @ u / n).astype(np.float64))[-1])
    step = np.float32(float(slope) / n / max(curvature, 1e-12))
    b = ahead = np.zeros((len(similar), bits), np.float32)
    t = 1.0
    for _ in range(STEPS):
        gradient = (expit(slope * (ahead @ u.T) + bias) - similar) @ u
        new = (ahead - step * gradient).clip(-1, 1)
        following = (1 + np.sqrt(1 + 4 * t * t)) / 2
        ahead = new + np.float32((t - 1) / following) * (new - b)
        b, t = new, following
    return np.asarray(b, np.float32)
