"""A Gaussian kernel over a few anchors, in place of the N x N kernel of the training items."""

from __future__ import annotations

from typing import Literal

import numpy as np

from crossmodal_hash.closed_forms._reduce import Matrix

Anchors = Literal["kmeans", "random"]


def bandwidth(x: Matrix) -> float:
    """Mean squared distance of all ordered pairs of rows (N, D), including each with itself; 1 if all rows are equal.

    Example:
        >>> bandwidth(np.array([[0.0], [2.0]]))
        2.0
    """
    mean_square = 2 * float((x**2).sum(1).mean() - (x.mean(0) ** 2).sum())
    return mean_square if mean_square > 1e-12 * max(float((x**2).sum(1).mean()), 1e-300) else 1.0


def kernel(x: Matrix, anchors: Matrix, scale: float) -> Matrix:
    """exp(-|x - a|^2 / scale), (N, m).

    Args:
        x: (N, D).
        anchors: (m, D).
        scale: > 0.
    """
    from sklearn.metrics.pairwise import rbf_kernel

    return np.asarray(rbf_kernel(x, anchors, gamma=1 / scale))


def choose_anchors(x: Matrix, count: int, kind: Anchors, generator: np.random.Generator) -> Matrix:
    """Anchors (m, D), m = `count` or the number of different rows.

    Args:
        x: (N, D).
        count: largest m, >= 1.
        kind: `kmeans` for the centers of k-means clusters, `random` for rows drawn without replacement.
        generator: draws the rows, or the start of k-means.
    """
    # Two equal anchors would make the anchors' own kernel singular.
    distinct = np.unique(x, axis=0)
    count = min(count, len(distinct))
    if kind == "random":
        return distinct[generator.choice(len(distinct), count, replace=False)]
    from sklearn.cluster import KMeans

    seed = int(generator.integers(2**31))
    return np.asarray(KMeans(count, n_init=1, random_state=seed).fit(x).cluster_centers_)
