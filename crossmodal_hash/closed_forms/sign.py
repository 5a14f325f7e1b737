"""Signs of a randomly rotated embedding."""

from __future__ import annotations

import numpy as np

from crossmodal_hash.closed_forms._one_space import OneSpaceMethod
from crossmodal_hash.closed_forms._reduce import Matrix


def random_directions(width: int, bits: int, generator: np.random.Generator) -> Matrix:
    """(D, K) random unit columns; each D of them are orthogonal, as far as they go (super-bits; Ji et al., NIPS 2012).

    Args:
        width: D.
        bits: K, which may be more than D.
        generator: draws a rotation for each D bits.

    Example:
        >>> w = random_directions(3, 2, np.random.default_rng(0))
        >>> np.abs(w.T @ w).round(6).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    rotations = [np.linalg.qr(generator.normal(size=(width, width)))[0] for _ in range(-(-bits // width))]
    return np.concatenate(rotations, 1)[:, :bits]


class Sign(OneSpaceMethod):
    """Signs of an embedding: of its coordinates, or of random directions (Charikar, STOC 2002); needs no labels.

    With K bits for vectors of width K, bit k is the sign of coordinate k, less its mean over the training items of the
    modality. With any other K it is the sign along random directions, orthogonal within each D of them: two vectors at
    an angle a differ in K a / pi bits on average. Vectors of all modalities lie in one space.

    Example:
        >>> x = np.array([[2.0, 0.0], [0.0, 1.0]])
        >>> code = Sign().fit({"image": x}, np.zeros((2, 0), np.uint8), 2, np.random.default_rng(0))["image"]
        >>> code.weight.tolist(), code.bias.tolist()
        ([[1.0, 0.0], [0.0, 1.0]], [-0.5, -0.5])
    """

    def projection(self, x: Matrix, bits: int, generator: np.random.Generator) -> Matrix:
        """(n, D) -> (D, K), the identity for K = D."""
        width = x.shape[1]
        return np.eye(width) if bits == width else random_directions(width, bits, generator)
