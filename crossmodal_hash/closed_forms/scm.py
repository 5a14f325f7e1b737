"""Semantic correlation maximization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from crossmodal_hash.choices import check_choice
from crossmodal_hash.closed_forms._linear_code import LinearMethod, linear_code
from crossmodal_hash.closed_forms._modality_pair import modality_pair
from crossmodal_hash.closed_forms._reduce import COMPONENTS, Matrix, reduce, width
from crossmodal_hash.closed_forms._unit_rows import unit_rows
from crossmodal_hash.contracts import HashFunction
from crossmodal_hash.errors import SettingsError

_RIDGE = 1e-6

Variant = Literal["sequential", "orthogonal"]


def semantic_correlation(x: Matrix, y: Matrix, labels: NDArray[np.uint8], bits: int) -> Matrix:
    """X^T S Y K with S = 2 <l_i, l_j> / (|l_i| |l_j|) - 1, without ever forming S (Zhang and Li, AAAI 2014).

    Args:
        x: (N, D).
        y: (N, E).
        labels: (N, C) in {0, 1}.
        bits: K.

    Returns:
        (D, E).

    Example:
        >>> semantic_correlation(np.eye(2), np.eye(2), np.eye(2, dtype=np.uint8), 3)
        array([[ 3., -3.],
               [-3.,  3.]])
    """
    unit = unit_rows(labels)
    return bits * (2 * (x.T @ unit) @ (y.T @ unit).T - np.outer(x.sum(0), y.sum(0)))


def factor(x: Matrix) -> Matrix:
    """Lower Cholesky factor (D, D) of X^T X + ridge; the ridge grows if columns are constant or duplicated."""
    gram = x.T @ x
    for ridge in (_RIDGE, _RIDGE * max(np.trace(gram) / len(gram), 1.0)):
        gram[np.diag_indices_from(gram)] += ridge
        try:
            return np.asarray(linalg.cholesky(gram, lower=True))
        except linalg.LinAlgError:
            continue
    raise SettingsError(
        "scm cannot invert the covariance of the features; set fewer principal components, "
        "such as closed_form.components.image=32"
    )


class Directions:
    """Pairs of directions in X and Y with X^T X + ridge and Y^T Y + ridge as their metrics.

    Args:
        x: (N, D), centered.
        y: (N, E), centered.
    """

    def __init__(self, x: Matrix, y: Matrix) -> None:
        self.x_factor, self.y_factor = factor(x), factor(y)

    def best(self, correlation: Matrix) -> tuple[Matrix, NDArray[np.float64], Matrix]:
        """Wx (D, R), strengths (R,) in descending order, wy (E, R), R = min(D, E), maximizing wx^T correlation wy.

        The component of largest magnitude of each wx is positive, so that the same data gives the same codes anywhere.
        """
        half = linalg.solve_triangular(self.x_factor, correlation, lower=True)
        whitened = linalg.solve_triangular(self.y_factor, half.T, lower=True).T
        u, strengths, v = linalg.svd(whitened, full_matrices=False)
        wx = linalg.solve_triangular(self.x_factor.T, u, lower=False)
        wy = linalg.solve_triangular(self.y_factor.T, v.T, lower=False)
        largest = wx[np.abs(wx).argmax(0), np.arange(len(strengths))]
        signs = np.where(largest >= 0, 1.0, -1.0)
        return wx * signs, strengths, wy * signs


def orthogonal(x: Matrix, y: Matrix, labels: NDArray[np.uint8], bits: int) -> tuple[Matrix, Matrix]:
    """All bits at once, uncorrelated: wx (D, K) and wy (E, K) with wx^T (X^T X + ridge) wx = 1.

    Raises:
        SettingsError: for more bits than min(D, E).
    """
    check_orthogonal(min(x.shape[1], y.shape[1]), bits)
    wx, _, wy = Directions(x, y).best(semantic_correlation(x, y, labels, bits))
    return wx[:, :bits], wy[:, :bits]


def check_orthogonal(most: int, bits: int) -> None:
    """Reject more bits than there are orthogonal directions.

    Raises:
        SettingsError: naming the limit and the variant without one.
    """
    if bits > most:
        raise SettingsError(
            f"scm with variant='orthogonal' has {most} directions, the width of the narrower features, which is not "
            f"enough for {bits} bits; use variant='sequential', or at most {most} bits"
        )


def sequential(x: Matrix, y: Matrix, labels: NDArray[np.uint8], bits: int) -> tuple[Matrix, Matrix]:
    """Bit by bit, each for the residual of the signs of the previous bits: wx (D, K) and wy (E, K).

    When a bit is stronger than the previous one, nothing meaningful is left; the other bits are directions of canonical
    correlation, the weakest first, since the codes already contain the strong ones.
    """
    directions = Directions(x, y)
    correlation = semantic_correlation(x, y, labels, bits)
    chosen: list[tuple[Matrix, Matrix]] = []
    before = np.inf
    for _ in range(bits):
        wx, strengths, wy = directions.best(correlation)
        if strengths[0] > before:
            break
        before = strengths[0]
        chosen.append((wx[:, 0], wy[:, 0]))
        hx, hy = (np.where(side @ w >= 0, 1.0, -1.0) for side, w in ((x, wx[:, 0]), (y, wy[:, 0])))
        correlation = correlation - np.outer(x.T @ hx, y.T @ hy)
    if len(chosen) < bits:
        wx, strengths, wy = directions.best(x.T @ y)
        rest = np.resize(np.arange(len(strengths))[::-1], bits - len(chosen))
        chosen += [(wx[:, i], wy[:, i]) for i in rest]
    return np.stack([w for w, _ in chosen], 1), np.stack([w for _, w in chosen], 1)


class SCM(LinearMethod):
    """Linear codes whose inner products follow the cosine of the labels (SCM; Zhang and Li, AAAI 2014).

    Args:
        variant: `sequential` (SCM-seq), or `orthogonal` (SCM-orth), whose directions beyond the number of classes are
            noise.
        components: principal components kept by modality.

    Raises:
        SettingsError: for an unknown variant, or fewer components than one.

    Example:
        >>> SCM().memory(1000, {"image": 320, "text": 2000}, bits=64) < 10**9
        True
    """

    def __init__(
        self,
        *,
        variant: Variant = "sequential",
        components: Mapping[str, int] = COMPONENTS,
    ) -> None:
        super().__init__(components)
        check_choice("variant", variant, Variant)
        self.variant = variant

    def fit(
        self,
        features: Mapping[str, Matrix],
        labels: NDArray[np.uint8],
        bits: int,
        generator: np.random.Generator,
    ) -> dict[str, HashFunction]:
        """Two modalities' features (N, D) -> their linear codes; nothing is random."""
        (first, x), (second, y) = modality_pair(features, "scm")
        from_x, from_y = reduce(x, self.components.get(first)), reduce(y, self.components.get(second))
        project = sequential if self.variant == "sequential" else orthogonal
        wx, wy = project(from_x.apply(x), from_y.apply(y), labels, bits)
        return {first: linear_code(from_x, wx), second: linear_code(from_y, wy)}

    def memory(self, items: int, widths: Mapping[str, int], bits: int) -> int:
        """Features, a centered copy, their reduction, and square matrices of covariance."""
        modality_pair(widths, "scm")
        reduced = {name: width(d, self.components.get(name)) for name, d in widths.items()}
        if self.variant == "orthogonal":
            check_orthogonal(min(items - 1, *reduced.values()), bits)
        numbers = sum(2 * items * d + items * reduced[name] + 3 * d * d for name, d in widths.items())
        return 8 * (numbers + 4 * sum(reduced.values()) ** 2)
