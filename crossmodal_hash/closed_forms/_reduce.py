"""Centering and principal components of the training features; no whitening, which hurts all of these methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import SettingsError

Matrix = NDArray[np.float64]

COMPONENTS: Mapping[str, int] = {"image": 256, "text": 500}
"""Principal components by modality; a modality that is not named is only centered."""

_LEAST = 1e-10
"""A component with less than this share of the largest variance is rounding error."""


class Reduction(NamedTuple):
    """x -> (x - mean) @ basis.

    Attributes:
        mean: (D,).
        basis: (D, R), orthonormal columns.
    """

    mean: Matrix
    basis: Matrix

    def apply(self, x: Matrix) -> Matrix:
        """(N, D) -> (N, R)."""
        return (x - self.mean) @ self.basis


def reduce(x: Matrix, components: int | None) -> Reduction:
    """Center features and keep their leading principal components.

    Args:
        x: (N, D).
        components: largest R; only components with variance are kept, at least one. None only centers.

    Example:
        >>> reduction = reduce(np.array([[0.0, 1.0], [2.0, 1.0]]), 2)
        >>> reduction.mean.tolist(), reduction.basis.shape
        ([1.0, 1.0], (2, 1))
    """
    mean = x.mean(0)
    if components is None:
        return Reduction(mean, np.eye(x.shape[1]))
    if (x == x[0]).all():
        return Reduction(mean, np.eye(x.shape[1], 1))
    from sklearn.decomposition import PCA

    most = min(components, *x.shape)
    pca = PCA(most, svd_solver="covariance_eigh").fit(x)
    variance = pca.explained_variance_
    rank = int((variance > _LEAST * variance[0]).sum())
    return Reduction(mean, pca.components_[:rank].T.astype(np.float64))


def width(features: int, components: int | None) -> int:
    """Largest R for features of this width."""
    return features if components is None else min(features, components)


def check_components(components: Mapping[str, int]) -> None:
    """Reject fewer components than one.

    Raises:
        SettingsError: naming the modality.
    """
    for modality, count in components.items():
        if count < 1:
            raise SettingsError(f"components.{modality}={count} must be at least 1; leave it out to keep all features")
