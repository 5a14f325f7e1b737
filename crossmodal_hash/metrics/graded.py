"""Metrics that use the number of shared labels: NDCG, ACG and WAP."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.metrics.ap import check_cut, harmonic, ratio
from crossmodal_hash.metrics.counts import Counts


def ndcg(counts: Counts, k: int | None = None) -> NDArray[np.float64]:
    """NDCG@k with gain 2^g - 1, discount 1 / log2(rank + 1) and the ideal order of the whole database.

    Ties: mean gain of a group times the sum of its discounts within the cut, which is the mean over all orders.

    Args:
        counts: counts with gains, Q queries.
        k: last rank that counts, >= 1; None for all.

    Returns:
        (Q,) in [0, 1]; 0 if nothing is relevant.

    Raises:
        SettingsError: if k < 1 or the counts carry no gains.

    Example:
        >>> from crossmodal_hash.metrics.counts import from_table
        >>> nearest_first = from_table(np.array([[[0, 0, 1], [0, 1, 0]]]), gains=True)
        >>> ndcg(nearest_first)
        array([1.])
    """
    _, gain, grades = _gains(counts)
    last = int(counts.total_items.max())
    if k is not None:
        check_cut(k)
        last = min(k, last)
    table = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, last + 2)))])
    reached = _sums(counts.items, gain, table)
    best_first = grades[:, ::-1]
    worth = 2.0 ** np.arange(grades.shape[1])[::-1] - 1
    return ratio(reached, _sums(best_first, best_first * worth, table))


def acg(counts: Counts, k: int) -> NDArray[np.float64]:
    """ACG@k: mean grade over the top k; a group that is cut counts with its mean grade for each item before the cut.

    Args:
        counts: counts with gains, Q queries.
        k: last rank that counts, >= 1; also the divisor if the database is shorter.

    Returns:
        (Q,), >= 0.

    Raises:
        SettingsError: if k < 1 or the counts carry no gains.
    """
    check_cut(k)
    shared, _, _ = _gains(counts)
    n0, _ = counts.closer()
    reached = ratio(np.clip(k - n0, 0, counts.items) * shared, counts.items).sum(axis=1)
    return np.asarray(reached / k)


def wap(counts: Counts, k: int) -> NDArray[np.float64]:
    """WAP@k: sum of ACG@i over the ranks i of the hits in the top k, divided by the hits; may exceed 1.

    Args:
        counts: counts whose groups have one grade each, as from the tie rule `stable`.
        k: last rank that counts, >= 1.

    Returns:
        (Q,), >= 0; 0 without a hit.

    Raises:
        SettingsError: if k < 1, the counts carry no gains, or a group mixes grades.
    """
    check_cut(k)
    shared, gain, _ = _gains(counts)
    grade = ratio(shared, counts.items)
    # 2^g is strictly convex: the mean gain is the gain of the mean grade only where all grades are equal.
    if not np.allclose(gain, counts.items * (2.0**grade - 1), rtol=1e-9):
        raise SettingsError("WAP needs a fixed order of the items, including grades; use ties stable")
    n0, _ = counts.closer()
    s0 = np.cumsum(shared, axis=1) - shared
    inside = np.clip(k - n0, 0, counts.items)
    sums = inside * grade + (s0 - n0 * grade) * (harmonic(n0 + inside) - harmonic(n0))
    hits = np.where(grade > 0, inside, 0)
    return ratio(np.where(grade > 0, sums, 0.0).sum(axis=1), hits.sum(axis=1))


def _gains(counts: Counts) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    if counts.shared is None or counts.gain is None or counts.grades is None:
        raise SettingsError("graded metrics need counts with gains; use the tie rules expected or stable")
    return counts.shared, counts.gain, counts.grades


def _sums(items: NDArray[np.int64], gain: NDArray[Any], discounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over groups of mean gain times the discounts of the group's ranks; `discounts` is cumulative to the cut."""
    end = np.minimum(np.cumsum(items, axis=1), len(discounts) - 1)
    start = np.minimum(np.cumsum(items, axis=1) - items, len(discounts) - 1)
    return np.asarray((ratio(gain, items) * (discounts[end] - discounts[start])).sum(axis=1))
