"""Generalized semantic-preserving hashing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.choices import check_choice
from crossmodal_hash.closed_forms._anchors import Anchors
from crossmodal_hash.closed_forms._kernel_method import KernelMethod, Protocol
from crossmodal_hash.closed_forms._modality_pair import modality_pair
from crossmodal_hash.closed_forms._reduce import COMPONENTS, Matrix
from crossmodal_hash.closed_forms._unit_rows import unit_rows
from crossmodal_hash.contracts import HashFunction
from crossmodal_hash.errors import SettingsError

_SETTLED = 1e-6

Targets = Literal["shared", "separate"]


class Target:
    """K S, the target inner products of codes: S the cosine of labels, or 2 S - 1; never formed, only multiplied.

    Args:
        labels: (N, C) in {0, 1}.
        bits: K.
        center: whether the target inner product of items without a common label is -K instead of 0.
    """

    def __init__(self, labels: NDArray[np.uint8], bits: int, *, center: bool = False) -> None:
        self.unit, self.bits, self.center = unit_rows(labels), bits, center

    def times(self, codes: Matrix) -> Matrix:
        """K S B for B (N, K)."""
        product = self.unit @ (self.unit.T @ codes)
        return self.bits * (2 * product - codes.sum(0) if self.center else product)

    def square(self) -> float:
        """|K S|^2."""
        sum_of_squares = float(((self.unit.T @ self.unit) ** 2).sum())
        if self.center:
            total = float((self.unit.sum(0) ** 2).sum())
            sum_of_squares = 4 * sum_of_squares - 4 * total + len(self.unit) ** 2
        return self.bits**2 * sum_of_squares


def error(a: Matrix, b: Matrix, target: Target) -> float:
    """|K S - A B^T|^2, without an N x N table (Mandal et al., CVPR 2017)."""
    return target.square() - 2 * float((target.times(b) * a).sum()) + float(((a.T @ a) * (b.T @ b)).sum())


def sweep(a: Matrix, b: Matrix, target: Target) -> Matrix:
    """Set each column of A (N, K) in turn to its best values in [-1, 1], all rows at once; the error never rises.

    If a column of B is zero, the error does not depend on the column of A, which is left unchanged.
    """
    a = a.copy()
    wanted, gram = target.times(b), b.T @ b
    for k in np.flatnonzero(np.diag(gram) > 0):
        a[:, k] = np.clip((wanted[:, k] - a @ gram[:, k] + a[:, k] * gram[k, k]) / gram[k, k], -1, 1)
    return a


def factorize(
    target: Target, items: int, bits: int, generator: np.random.Generator, sweeps: int = 100
) -> tuple[Matrix, Matrix]:
    """A and B (N, K) in [-1, 1] with A B^T near K S, by alternating sweeps from uniform random numbers.

    Args:
        target: K S.
        items: N.
        bits: K.
        generator: draws the start.
        sweeps: largest number; it stops when the error changes by less than a millionth.
    """
    a, b = (generator.uniform(-1, 1, (items, bits)) for _ in range(2))
    before = error(a, b, target)
    for _ in range(sweeps):
        a = sweep(a, b, target)
        b = sweep(b, a, target)
        now = error(a, b, target)
        if before - now <= _SETTLED * before:
            break
        before = now
    return a, b


class GSPH(KernelMethod):
    """Codes that factorize the labels' cosines, then kernel logistic regression (GSPH; Mandal et al., CVPR 2017).

    No N x N matrix is formed, because products use the labels, so all training items are used.

    Args:
        anchors: `kmeans` or `random`.
        count: anchors per modality, >= 1.
        codes: `per-view`, or the published `unified`, as in `seph`.
        targets: `shared` for one code per item in both modalities, `separate` for the two factors themselves.
        center: whether items without a common label are pushed to opposite codes instead of independent ones.
        components: principal components kept by modality.

    Raises:
        SettingsError: for an unknown word or a number out of range.

    Example:
        >>> GSPH().memory(5000, {"image": 320, "text": 2000}, bits=64) < 10**9
        True
    """

    def __init__(
        self,
        *,
        anchors: Anchors = "kmeans",
        count: int = 500,
        codes: Protocol = "per-view",
        targets: Targets = "shared",
        center: bool = False,
        components: Mapping[str, int] = COMPONENTS,
    ) -> None:
        super().__init__(anchors=anchors, count=count, codes=codes, components=components)
        check_choice("targets", targets, Targets)
        if count < 1:
            raise SettingsError(f"count={count} must be at least 1")
        self.targets, self.center = targets, center

    def fit(
        self,
        features: Mapping[str, Matrix],
        labels: NDArray[np.uint8],
        bits: int,
        generator: np.random.Generator,
    ) -> dict[str, HashFunction]:
        """Two modalities' features (N, D) -> their kernel codes."""
        sides = modality_pair(features, "gsph")
        factors = factorize(Target(labels, bits, center=self.center), len(labels), bits, generator)
        signs = [np.where(factor >= 0, 1.0, -1.0) for factor in factors]
        if self.targets == "shared":
            signs = [signs[0], signs[0]]
        return self.predict(((name, x, codes) for (name, x), codes in zip(sides, signs, strict=True)), generator)

    def memory(self, items: int, widths: Mapping[str, int], bits: int) -> int:
        """Features, factors, and the kernel of one modality at a time."""
        modality_pair(widths, "gsph")
        return 8 * items * (sum(widths.values()) + 8 * bits) + self.prediction_memory(items, widths, bits)
