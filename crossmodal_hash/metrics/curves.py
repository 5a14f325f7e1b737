"""Precision and recall at cut-offs, by radius and by rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.metrics.ap import hits_at, ratio
from crossmodal_hash.metrics.counts import Counts


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall along a radius or a rank.

    Attributes:
        at: radii 0..K or ranks, (P,).
        precision: (P,).
        recall: (P,).
    """

    at: NDArray[np.int64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]


def precision_at(counts: Counts, k: int) -> NDArray[np.float64]:
    """P@k: expected hits in the top k, divided by k (also when the database is shorter).

    Args:
        counts: items and relevant items by group, Q queries.
        k: last rank that counts, >= 1.

    Returns:
        (Q,) in [0, 1].

    Raises:
        SettingsError: if k < 1.

    Example:
        >>> precision_at(Counts(np.array([[1, 2]]), np.array([[1, 1]])), 2)
        array([0.75])
    """
    return hits_at(counts, k) / k


def recall_at(counts: Counts, k: int) -> NDArray[np.float64]:
    """R@k: expected hits in the top k, divided by R; 0 for R = 0.

    Args:
        counts: items and relevant items by group, Q queries.
        k: last rank that counts, >= 1.

    Returns:
        (Q,) in [0, 1].

    Raises:
        SettingsError: if k < 1.
    """
    return ratio(hits_at(counts, k), counts.total_relevant)


def precision_within(counts: Counts, radius: int) -> NDArray[np.float64]:
    """Hash lookup, `precision@r<=radius`: relevant share of the items at distance <= radius; an empty ball scores 0.

    Args:
        counts: counts by distance (K + 1 groups), Q queries.
        radius: in bits, 0..K.

    Returns:
        (Q,) in [0, 1].

    Raises:
        SettingsError: if the radius is outside 0..K.
    """
    within = _ball(counts, radius)
    return ratio(counts.relevant[:, within].sum(axis=1), counts.items[:, within].sum(axis=1))


def empty_balls(counts: Counts, radius: int) -> int:
    """Number of queries that find no item at distance <= radius.

    Args:
        counts: counts by distance (K + 1 groups).
        radius: in bits, 0..K.

    Returns:
        0..Q.

    Raises:
        SettingsError: if the radius is outside 0..K.
    """
    return int((counts.items[:, _ball(counts, radius)].sum(axis=1) == 0).sum())


def pr_by_radius(counts: Counts, average: Literal["micro", "macro", "macro-masked"] = "micro") -> Curve:
    """Precision and recall of everything within radius r, for r = 0..K; at K recall is 1.

    `micro` pools the pairs of all queries (DCMH, HABIR, torchcmh); `macro` is the mean over queries, where a query that
    retrieves nothing has precision 0; `macro-masked` leaves it out of the precision at that radius. If nothing is
    retrieved at all, the precision is 0; the recall of a query with R = 0 is also 0.

    Args:
        counts: counts by distance (K + 1 groups), Q queries.
        average: over pairs or over queries.

    Returns:
        Curve at the radii 0..K.

    Example:
        >>> pr_by_radius(Counts(np.array([[1, 1]]), np.array([[0, 1]]))).precision
        array([0. , 0.5])
    """
    hits, retrieved = np.cumsum(counts.relevant, axis=1), np.cumsum(counts.items, axis=1)
    radii = np.arange(counts.items.shape[1])
    if average == "micro":
        pooled = hits.sum(axis=0)
        return Curve(radii, ratio(pooled, retrieved.sum(axis=0)), ratio(pooled, np.full(len(radii), pooled[-1])))
    total = np.broadcast_to(counts.total_relevant[:, None], hits.shape)
    precision = ratio(hits, retrieved)
    asked = (retrieved > 0).sum(axis=0) if average == "macro-masked" else np.full(len(radii), len(counts))
    return Curve(radii, ratio(precision.sum(axis=0), asked), ratio(hits, total).mean(axis=0))


def pr_by_rank(counts: Counts, length: int | None = None) -> Curve:
    """Expected precision and recall at every rank 1..N, mean over queries.

    The expected hits of a query grow linearly inside a group. Their slopes, summed over queries, change only where a
    group begins or ends, so the curve takes Q G + N steps instead of Q N.

    Args:
        counts: items and relevant items by group, Q queries.
        length: N; None for the longest ranking. A shorter ranking (a query left out of its own list) keeps its hits.

    Returns:
        Curve at the ranks 1..N.
    """
    n0, _ = counts.closer()
    n = int(counts.total_items.max()) if length is None else length
    ranks = np.arange(1, n + 1)

    def mean_hits(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        slope = ratio(counts.relevant, counts.items) * weight[:, None]
        change = np.bincount(n0.ravel(), slope.ravel(), minlength=n + 1)
        change -= np.bincount((n0 + counts.items).ravel(), slope.ravel(), minlength=n + 1)
        return np.asarray(np.cumsum(np.cumsum(change))[:n] / len(counts))

    one = np.ones(len(counts))
    return Curve(ranks, mean_hits(one) / ranks, mean_hits(ratio(one, counts.total_relevant)))


def _ball(counts: Counts, radius: int) -> slice:
    bits = counts.items.shape[1] - 1
    if not 0 <= radius <= bits:
        raise SettingsError(f"a radius of codes with {bits} bits must be 0..{bits}, not {radius}")
    return slice(0, radius + 1)
