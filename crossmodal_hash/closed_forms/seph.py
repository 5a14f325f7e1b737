"""Semantics-preserving hashing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.closed_forms._anchors import Anchors
from crossmodal_hash.closed_forms._kernel_method import KernelMethod, Protocol
from crossmodal_hash.closed_forms._reduce import COMPONENTS, Matrix
from crossmodal_hash.closed_forms._unit_rows import unit_rows
from crossmodal_hash.contracts import HashFunction
from crossmodal_hash.errors import SettingsError

Real = NDArray[np.floating]

_FLOOR = 1e-30
_RATE = 500.0


def affinity(labels: NDArray[np.uint8]) -> Matrix:
    """The probability of each pair of different items (Lin et al., CVPR 2015): cosine of labels over the sum of all.

    If no two items share a label, all pairs are equally unlikely.

    Args:
        labels: (N, C) in {0, 1}.

    Returns:
        P, (N, N): symmetric, >= 1e-30, with sum 1 over the pairs.

    Example:
        >>> affinity(np.array([[1, 0], [1, 0], [0, 1]], np.uint8)).round(3)
        array([[0. , 0.5, 0. ],
               [0.5, 0. , 0. ],
               [0. , 0. , 0. ]])
    """
    unit = unit_rows(labels)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, 0.0)
    total = cosine.sum()
    if total == 0:
        cosine = 1.0 - np.eye(len(labels))
        total = max(cosine.sum(), 1.0)
    cosine /= total
    return np.maximum(cosine, _FLOOR, out=cosine)


def divergence(h: Real, p: Real, weight: float) -> tuple[float, Real]:
    """J = KL(P || Q) + weight | |H| - 1 |^2 and its gradient (N, K), up to a constant of P in J.

    Q follows the Student distribution of the Hamming distance: q_ij = num_ij / sum(num) for i != j, with
    num_ij = 1 / (1 + |h_i - h_j|^2 / 4).

    Args:
        h: relaxed codes, (N, K).
        p: (N, N), symmetric with sum 1.
        weight: of the distance from binary codes.
    """
    square = (h * h).sum(1)
    num = h @ h.T
    num *= -0.5
    num += (square * 0.25)[:, None]
    num += (square * 0.25 + 1)[None, :]
    np.maximum(num, 1, out=num)
    logs = np.log(num)
    logs *= p
    np.reciprocal(num, out=num)
    np.fill_diagonal(num, 0.0)
    total = num.sum(dtype=np.float64)
    binary = np.abs(h) - 1
    value = logs.sum(dtype=np.float64) + np.log(total) + weight * (binary * binary).sum(dtype=np.float64)
    # (P - Q) o num, in the place of the logarithms.
    pull = np.multiply(num, -1 / total, out=logs)
    pull += p
    pull *= num
    gradient = pull.sum(1)[:, None] * h - pull @ h
    gradient += 2 * weight * binary * np.sign(h)
    return float(value), gradient


def learn_codes(p: Real, bits: int, generator: np.random.Generator, iterations: int = 100) -> Matrix:
    """Codes (N, K) in {-1, 1} with the lowest J that delta-bar-delta descent finds.

    An entry's gain grows while its gradient continues in the direction of the last step, and shrinks when it reverses.

    Args:
        p: affinity, (N, N); its precision is used for the computation.
        bits: K.
        generator: draws the start.
        iterations: steps.
    """
    n = len(p)
    weight = 0.01 / (bits * n)
    h = (1e-4 * generator.standard_normal((n, bits))).astype(p.dtype)
    step, gain = np.zeros_like(h), np.ones_like(h)
    lowest, best = np.inf, h
    for _ in range(iterations):
        value, gradient = divergence(h, p, weight)
        if value < lowest:
            lowest, best = value, h
        gain = np.maximum(np.where(np.sign(gradient) != np.sign(step), gain + 0.2, gain * 0.8), 0.01).astype(p.dtype)
        step = 0.5 * step - _RATE * gain * gradient
        h = h + step
        h -= h.mean(0)
    if divergence(h, p, weight)[0] < lowest:
        best = h
    return np.where(best >= 0, 1.0, -1.0)


class SePH(KernelMethod):
    """Codes whose distances follow the labels' cosines, then kernel logistic regression (SePH; Lin et al., CVPR 2015).

    Takes any number of modalities. It uses a random sample of at most `max_train` items, because memory is N x N.

    Args:
        anchors: `kmeans` (SePH-km) or `random` (SePH-rnd).
        count: anchors per modality, >= 1.
        codes: `per-view`, or the published `unified`: an item of the database gets one code from all its modalities,
            so that a picture's pixels help to find its text; queries have one modality.
        max_train: items that codes are learned for, >= 2.
        components: principal components kept by modality.

    Raises:
        SettingsError: for an unknown word or a number out of range.

    Example:
        >>> SePH().memory(5000, {"image": 320, "text": 2000}, bits=64) < 10**9
        True
    """

    def __init__(
        self,
        *,
        anchors: Anchors = "kmeans",
        count: int = 500,
        codes: Protocol = "per-view",
        max_train: int = 5000,
        components: Mapping[str, int] = COMPONENTS,
    ) -> None:
        super().__init__(anchors=anchors, count=count, codes=codes, components=components)
        if count < 1 or max_train < 2:
            raise SettingsError(f"count={count} must be at least 1, and max_train={max_train} at least 2")
        self.max_train = max_train

    def fit(
        self,
        features: Mapping[str, Matrix],
        labels: NDArray[np.uint8],
        bits: int,
        generator: np.random.Generator,
    ) -> dict[str, HashFunction]:
        """Every modality's features (N, D) -> its kernel code."""
        if len(labels) > self.max_train:
            rows = np.sort(generator.choice(len(labels), self.max_train, replace=False))
            features, labels = {name: x[rows] for name, x in features.items()}, labels[rows]
        codes = learn_codes(affinity(labels).astype(np.float32), bits, generator)
        return self.predict(((name, x, codes) for name, x in features.items()), generator)

    def memory(self, items: int, widths: Mapping[str, int], bits: int) -> int:
        """Features of all items; for the items used in training, the larger of N x N tables and kernels."""
        n = min(items, self.max_train)
        features = 8 * (items + n) * sum(widths.values())
        # The cosine in float64 beside its float32 copy; later P and two more in float32.
        tables = 12 * n * n + 40 * n * bits
        return features + max(tables, self.prediction_memory(n, widths, bits))
