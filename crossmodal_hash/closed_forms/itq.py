"""Iterative quantization: principal components, rotated so that they lose least by the sign."""

from __future__ import annotations

import numpy as np

from crossmodal_hash.closed_forms._one_space import OneSpaceMethod, check_directions
from crossmodal_hash.closed_forms._reduce import Matrix
from crossmodal_hash.closed_forms.pca import principal_directions
from crossmodal_hash.closed_forms.sign import random_directions
from crossmodal_hash.errors import SettingsError

STEPS = 50
"""As in the paper, section 3.2."""


def towards_corners(z: Matrix, steps: int = STEPS, start: Matrix | None = None) -> Matrix:
    """The rotation R (K, K) that brings the rows of z R near corners of the cube (Gong and Lazebnik, CVPR 2011, eq. 2).

    |sign(z R) - z R|^2 is minimized alternately over the signs and R; it never rises.

    Args:
        z: (n, K).
        steps: number of steps of both.
        start: a rotation (K, K); None is the identity.

    Example:
        >>> tilted = np.array([[1.0, 1.0], [1.0, -1.0]]) @ np.array([[0.8, 0.6], [-0.6, 0.8]])
        >>> np.abs(tilted @ towards_corners(tilted)).round(6).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    rotation = np.eye(z.shape[1]) if start is None else start
    for _ in range(steps):
        signs = np.where(z @ rotation >= 0, 1.0, -1.0)
        left, _, right = np.linalg.svd(z.T @ signs)
        rotation = left @ right
    return rotation


def rotated_components(x: Matrix, bits: int, generator: np.random.Generator, steps: int = STEPS) -> Matrix:
    """The K strongest principal components, rotated from a random start by `towards_corners`, (D, K).

    Args:
        x: centered, (n, D).
        bits: K; where it is more than D, all components are used, and the K values depend on each other.
        generator: draws the rotation that the steps start from.
        steps: number of steps.

    Example:
        >>> x = np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
        >>> np.abs(x @ rotated_components(x, 2, np.random.default_rng(0))).round(3).tolist()
        [[0.707, 0.707], [0.707, 0.707]]
    """
    count = min(bits, x.shape[1])
    w = principal_directions(x, count)
    if count < bits:
        w = np.pad(w, ((0, 0), (0, bits - count)))
    return np.asarray(w @ towards_corners(x @ w, steps, random_directions(bits, bits, generator)))


class ITQ(OneSpaceMethod):
    """Signs of rotated principal components (ITQ; Gong and Lazebnik, CVPR 2011); needs no labels.

    The K strongest principal components of the training items of all modalities together are rotated so that
    |sign(V R) - V R|^2 is small (eq. 2), starting from a random rotation, as in the paper. Vectors of all modalities
    lie in one space, K <= D.

    Args:
        steps: of sign and rotation in turn, >= 0; the paper has 50.

    Raises:
        SettingsError: for a negative number of steps; in `fit` and `memory`, for more bits than the vectors are wide.

    Example:
        >>> ITQ().memory(1000, {"image": 256, "text": 256}, bits=64) < 10**9
        True
    """

    def __init__(self, *, steps: int = STEPS) -> None:
        super().__init__()
        if steps < 0:
            raise SettingsError(f"steps={steps} must be at least 0, which leaves the rotation random")
        self.steps = steps

    def check_bits(self, width: int, bits: int) -> None:
        """At most D bits."""
        check_directions("itq", width, bits)

    def projection(self, x: Matrix, bits: int, generator: np.random.Generator) -> Matrix:
        """(n, D) -> (D, K)."""
        return rotated_components(x, bits, generator, self.steps)
