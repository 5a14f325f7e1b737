"""Paired retrieval (a picture and its captions): whether a partner is among the first k, and the rank of the first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from crossmodal_hash.metrics.ap import check_cut
from crossmodal_hash.metrics.counts import Counts


def hit_at(counts: Counts, k: int) -> NDArray[np.float64]:
    """`hit@k`: probability, over the orders of tied items, that at least one relevant item is among the first k.

    The literature of paired retrieval calls its mean R@1, R@5, R@10. It equals `R@k` when each query has one partner.

    Args:
        counts: items and relevant items by group, Q queries.
        k: last rank that counts, >= 1.

    Returns:
        (Q,) in [0, 1]; 0 for R = 0.

    Raises:
        SettingsError: if k < 1.

    Example:
        >>> hit_at(Counts(np.array([[4]]), np.array([[1]])), 1)
        array([0.25])
    """
    check_cut(k)
    n, p, n0 = _group_of_first(counts)
    m = np.clip(k - n0, 0, n)
    possible = n - p >= m  # otherwise the relevant items do not fit behind the cut
    # P(no hit) = C(n - p, m) / C(n, m), in logarithms
    other = np.where(possible, n - p - m, 0)
    log_none = gammaln(n - p + 1.0) - gammaln(other + 1.0) - gammaln(n + 1.0) + gammaln(n - m + 1.0)
    return np.where(p == 0, 0.0, np.where(possible, -np.expm1(np.minimum(log_none, 0.0)), 1.0))


def first_rank(counts: Counts) -> NDArray[np.float64]:
    """Expected rank of the first relevant item: n0 + (n + 1) / (p + 1) in its group; smaller is better.

    Args:
        counts: items and relevant items by group, Q queries.

    Returns:
        (Q,), >= 1; the rank after the last item for R = 0.

    Example:
        >>> first_rank(Counts(np.array([[1, 3]]), np.array([[0, 1]])))
        array([3.])
    """
    n, p, n0 = _group_of_first(counts)
    return np.where(p == 0, counts.total_items + 1.0, n0 + (n + 1) / (p + 1))


def _group_of_first(counts: Counts) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Size, relevant items and predecessors of the first group that holds a relevant item, each (Q,)."""
    rows, first = np.arange(len(counts)), np.argmax(counts.relevant > 0, axis=1)
    n0, _ = counts.closer()
    return counts.items[rows, first], counts.relevant[rows, first], n0[rows, first]
