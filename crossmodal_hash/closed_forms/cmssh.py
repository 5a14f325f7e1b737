"""Cross-modality similarity-sensitive hashing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.sparse import csr_array

from crossmodal_hash.choices import check_choice
from crossmodal_hash.closed_forms._linear_code import LinearMethod, linear_code
from crossmodal_hash.closed_forms._modality_pair import modality_pair
from crossmodal_hash.closed_forms._pairs import Pairs, draw_pairs
from crossmodal_hash.closed_forms._reduce import COMPONENTS, Matrix, reduce, width
from crossmodal_hash.contracts import HashFunction
from crossmodal_hash.errors import SettingsError

_QUANTILES = np.linspace(0.05, 0.95, 19)
_PERFECT = 1 - 1e-6

Update = Literal["adaboost", "unit"]
Thresholds = Literal["grid", "zero"]


def directions(x: Matrix, y: Matrix, pairs: Pairs, weights: Matrix) -> tuple[Matrix, Matrix]:
    """Directions p (D,) and q (E,) of length 1 that maximize sum_k w_k s_k (p^T x_k) (q^T y_k).

    Args:
        x: (N, D).
        y: (N, E).
        pairs: P pairs of a row of x and a row of y.
        weights: w, (P,).
    """
    table = csr_array((weights * pairs.alike, (pairs.first, pairs.second)), shape=(len(x), len(y)))
    u, _, v = linalg.svd(x.T @ np.asarray(table @ y), full_matrices=False)
    sign = 1.0 if u[np.abs(u[:, 0]).argmax(), 0] >= 0 else -1.0
    return u[:, 0] * sign, v[0] * sign


def bits_of(projections: Matrix, thresholds: Matrix) -> Matrix:
    """(N,) against (T,) -> -1 or 1, (T, N)."""
    return np.where(projections >= thresholds[:, None], 1.0, -1.0)


def correlations(px: Matrix, qy: Matrix, pairs: Pairs, weights: Matrix, cuts: tuple[Matrix, Matrix]) -> Matrix:
    """Correlation r = sum_k w_k s_k h(x_k) e(y_k) for every threshold of x and of y, (T, U).

    Args:
        px: projections of the items of one modality, (N,).
        qy: of the other, (N,).
        pairs: P pairs.
        weights: (P,), sum 1.
        cuts: thresholds (T,) and (U,).
    """
    h, e = bits_of(px, cuts[0])[:, pairs.first], bits_of(qy, cuts[1])[:, pairs.second]
    return np.asarray((h * (weights * pairs.alike)) @ e.T)


def reweigh(weights: Matrix, agreement: Matrix, r: float, update: Update) -> Matrix:
    """Weights w <- w exp(-eta s h e), with sum 1; agreement is s h e, (P,) of -1 and 1.

    `adaboost`: eta = log((1 + r) / (1 - r)) / 2, after which the bit just learned has correlation 0. `unit`: eta = 1.
    """
    r = float(np.clip(r, -_PERFECT, _PERFECT))
    eta = 0.5 * np.log((1 + r) / (1 - r)) if update == "adaboost" else 1.0
    weights = weights * np.exp(-eta * agreement)
    return np.asarray(weights / weights.sum())


class Bit(NamedTuple):
    """One pair of hash functions, sign(p^T x - a) and sign(q^T y - b), and its weighted correlation."""

    p: Matrix
    q: Matrix
    a: float
    b: float
    r: float


def boost(
    x: Matrix, y: Matrix, pairs: Pairs, bits: int, *, update: Update = "adaboost", thresholds: Thresholds = "grid"
) -> list[Bit]:
    """K pairs of hash functions, each fitted to the pairs that earlier ones got wrong.

    When a bit no longer agrees with the weighted pairs, the remaining bits use earlier directions with their
    next-best thresholds.

    Args:
        x: (N, D), centered.
        y: (N, E), centered.
        pairs: P pairs.
        bits: K.
        update: update of the weights.
        thresholds: the best of a 19 x 19 `grid` of quantiles, or `zero`.
    """
    weights = np.full(len(pairs.alike), 1 / max(len(pairs.alike), 1))
    learned: list[Bit] = []
    while len(learned) < bits:
        p, q = directions(x, y, pairs, weights)
        best = best_bits(x, y, p, q, pairs, weights, thresholds)[0]
        if best.r <= 0 and learned:
            break
        learned.append(best)
        h = bits_of(x @ p, np.array([best.a]))[0, pairs.first]
        e = bits_of(y @ q, np.array([best.b]))[0, pairs.second]
        weights = reweigh(weights, pairs.alike * h * e, best.r, update)
    own, rest = len(learned), []
    for i in range(bits - own):
        bit = learned[i % own]
        ranked = best_bits(x, y, bit.p, bit.q, pairs, weights, "grid")
        rest.append(ranked[(1 + i // own) % len(ranked)])
    return learned + rest


def best_bits(
    x: Matrix, y: Matrix, p: Matrix, q: Matrix, pairs: Pairs, weights: Matrix, thresholds: Thresholds
) -> list[Bit]:
    """The bits of these directions at every pair of thresholds, highest correlation first."""
    px, qy = x @ p, y @ q
    cuts = (np.quantile(px, _QUANTILES), np.quantile(qy, _QUANTILES))
    if thresholds == "zero":
        cuts = (np.zeros(1), np.zeros(1))
    r = correlations(px, qy, pairs, weights, cuts)
    order = np.argsort(-r, axis=None, kind="stable")
    return [
        Bit(p, q, float(cuts[0][i]), float(cuts[1][j]), float(r[i, j]))
        for i, j in zip(*np.unravel_index(order, r.shape), strict=True)
    ]


class CMSSH(LinearMethod):
    """Linear codes boosted on similar and dissimilar pairs (CMSSH; Bronstein et al., CVPR 2010).

    Args:
        update: `adaboost`, after which a bit has correlation 0 with the reweighted pairs; or `unit`, the fixed exponent
            that is usually quoted, which corrects too much.
        thresholds: the best of a `grid` of quantiles, or `zero`.
        pairs: pairs of each kind, >= 1.
        components: principal components kept by modality.

    Raises:
        SettingsError: for an unknown word or a number out of range.

    Example:
        >>> CMSSH().memory(1000, {"image": 320, "text": 2000}, bits=64) < 10**9
        True
    """

    def __init__(
        self,
        *,
        update: Update = "adaboost",
        thresholds: Thresholds = "grid",
        pairs: int = 20_000,
        components: Mapping[str, int] = COMPONENTS,
    ) -> None:
        super().__init__(components)
        check_choice("update", update, Update)
        check_choice("thresholds", thresholds, Thresholds)
        if pairs < 1:
            raise SettingsError(f"pairs={pairs} must be at least 1")
        self.update, self.thresholds, self.pairs = update, thresholds, pairs

    def fit(
        self,
        features: Mapping[str, Matrix],
        labels: NDArray[np.uint8],
        bits: int,
        generator: np.random.Generator,
    ) -> dict[str, HashFunction]:
        """Two modalities' features (N, D) -> their linear codes."""
        (first, x), (second, y) = modality_pair(features, "cmssh")
        from_x, from_y = reduce(x, self.components.get(first)), reduce(y, self.components.get(second))
        pairs = draw_pairs(labels, self.pairs, generator)
        found = boost(from_x.apply(x), from_y.apply(y), pairs, bits, update=self.update, thresholds=self.thresholds)
        return {
            first: linear_code(from_x, np.stack([bit.p for bit in found], 1), np.array([bit.a for bit in found])),
            second: linear_code(from_y, np.stack([bit.q for bit in found], 1), np.array([bit.b for bit in found])),
        }

    def memory(self, items: int, widths: Mapping[str, int], bits: int) -> int:
        """Features, a centered copy, their reduction, covariances, and the bits of the pairs at every threshold."""
        modality_pair(widths, "cmssh")
        reduced = {name: width(d, self.components.get(name)) for name, d in widths.items()}
        numbers = sum(2 * items * d + items * reduced[name] + 3 * d * d for name, d in widths.items())
        return 8 * (numbers + 4 * max(reduced.values()) ** 2 + 8 * len(_QUANTILES) * self.pairs)
