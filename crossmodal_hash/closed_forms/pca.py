"""Signs of the principal components of an embedding."""

from __future__ import annotations

import numpy as np

from crossmodal_hash.closed_forms._one_space import OneSpaceMethod, check_directions
from crossmodal_hash.closed_forms._reduce import Matrix


def principal_directions(x: Matrix, count: int) -> Matrix:
    """The directions of largest variance, strongest first, (D, K); the largest value of each is positive.

    Args:
        x: centered, (n, D).
        count: K <= D; directions without variance are there, too.

    Example:
        >>> principal_directions(np.array([[0.0, -2.0], [0.0, 2.0]]), 1).tolist()
        [[0.0], [1.0]]
    """
    w = np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :count]
    largest = w[np.abs(w).argmax(0), np.arange(count)]
    return np.asarray(w * np.where(largest >= 0, 1.0, -1.0))


class PCA(OneSpaceMethod):
    """Signs of the K strongest principal components (PCAH; as in Gong and Lazebnik, CVPR 2011); needs no labels.

    The components are those of the training items of all modalities together, each modality less its own mean. The weak
    ones get a bit each as the strong ones do, so that long codes gain little: `itq` rotates them first. Vectors of all
    modalities lie in one space, K <= D.

    Raises:
        SettingsError: in `fit` and `memory`, for more bits than the vectors are wide.

    Example:
        >>> PCA().memory(1000, {"image": 256, "text": 256}, bits=64) < 10**9
        True
    """

    def check_bits(self, width: int, bits: int) -> None:
        """At most D bits."""
        check_directions("pca", width, bits)

    def projection(self, x: Matrix, bits: int, generator: np.random.Generator) -> Matrix:
        """(n, D) -> (D, K); nothing is random."""
        return principal_directions(x, bits)
