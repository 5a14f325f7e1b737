"""Average precision in its six named variants, computed from counts, as the mean over every order of tied items.

Expected values follow McSherry and Najork, "Computing information retrieval performance measures efficiently in the
presence of tied scores" (ECIR 2008). On pure groups (see `ties`) they are the values of that order.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.metrics.counts import Counts

Divisor = Literal["retrieved", "min", "R", "k"]
Values = NDArray[np.float64]
LOOKED_UP = 1 << 20
"""Number of harmonic numbers in a table of 8 MB."""
ROWS = 1024
"""Queries whose hypergeometric distributions are computed at once."""


def average_precision(counts: Counts, k: int | None = None, divisor: Divisor = "R") -> Values:
    """Average precision of each query, over the whole list (`map@all`) or the ranks up to k.

    A query with R = 0, or without a hit up to rank k, has 0; the `empty` policy is applied afterwards. `retrieved` is
    not monotone: one more late hit can lower it.

    Args:
        counts: items and relevant items by group, Q queries.
        k: last rank that counts, >= 1; None for all.
        divisor: divisor of the sum of precisions: hits in the top k (`retrieved`), `min`(k, R), `R`, or `k`. Without k
            all are R.

    Returns:
        (Q,) in [0, 1].

    Raises:
        SettingsError: if k < 1.

    Example:
        Six items at the same distance, two of them relevant:

        >>> average_precision(Counts(np.array([[6]]), np.array([[2]]))).round(3)
        array([0.527])
    """
    total = counts.total_relevant
    if k is None:
        return ratio(_precisions(counts, None), total)
    check_cut(k)
    if divisor == "retrieved":
        return _over_retrieved(counts, k)
    by: dict[str, NDArray[Any]] = {"min": np.minimum(k, total), "R": total, "k": np.full(len(counts), k)}
    return ratio(_precisions(counts, k), by[divisor])


def average_precision_of_hits(counts: Counts, k: int) -> Values:
    """`map@k-hits`: mean of j / rank_j over the first min(k, R) relevant items, at any rank.

    This does not cut the list; the DCMH port's `calc_map_k` computes it. Equals `map@all` if k >= R.

    Args:
        counts: counts with pure groups, as from any fixed order.
        k: number of relevant items that count, >= 1.

    Returns:
        (Q,) in [0, 1]; 0 for R = 0.

    Raises:
        SettingsError: if k < 1, or groups mix relevant and other items (tie rule `expected`).
    """
    check_cut(k)
    if ((counts.relevant != 0) & (counts.relevant != counts.items)).any():
        raise SettingsError("map@k-hits needs a fixed order of the items; use ties stable, optimistic or pessimistic")
    n0, p0 = counts.closer()
    taken = np.clip(k - p0, 0, counts.relevant)
    terms = taken + (p0 - n0) * (harmonic(n0 + taken) - harmonic(n0))
    return ratio(terms.sum(axis=1), np.minimum(k, counts.total_relevant))


def hits_at(counts: Counts, k: int) -> Values:
    """Expected relevant items among the first k: a group of n with p relevant, cut after m, gives m p / n.

    Args:
        counts: items and relevant items by group, Q queries.
        k: last rank that counts, >= 1.

    Returns:
        (Q,).

    Raises:
        SettingsError: if k < 1.
    """
    check_cut(k)
    n0, _ = counts.closer()
    return np.asarray(ratio(np.clip(k - n0, 0, counts.items) * counts.relevant, counts.items).sum(axis=1))


def harmonic(x: NDArray[Any]) -> Values:
    """Hm(x) = 1 + 1/2 + ... + 1/x, and 0 at x = 0, for whole x of any size."""
    x = np.asarray(x)
    largest = int(x.max(initial=0))
    return _harmonic(x) if largest >= LOOKED_UP else _harmonic_numbers(1 << largest.bit_length())[x]


@lru_cache(2)
def _harmonic_numbers(size: int) -> Values:
    """Hm(0), ..., Hm(size - 1): a lookup takes a twentieth of the time of computing it."""
    return _harmonic(np.arange(size))


def _harmonic(x: NDArray[Any]) -> Values:
    return np.asarray(digamma(x + 1.0) + np.euler_gamma)


def check_cut(k: int) -> None:
    """Reject a rank below 1.

    Raises:
        SettingsError: if k < 1.
    """
    if k < 1:
        raise SettingsError(f"a cut-off rank must be at least 1, not {k}")


def _precisions(counts: Counts, k: int | None) -> Values:
    """Expected sum of P(i) rel(i) over the ranks up to k, (Q,)."""
    n0, p0 = counts.closer()
    hit = np.nonzero(counts.relevant)  # in a fixed order, half of the groups have none
    n, p, n0, p0 = counts.items[hit], counts.relevant[hit], n0[hit], p0[hit]
    inside = n if k is None else np.clip(k - n0, 0, n)
    return np.asarray(np.bincount(hit[0], _group_sum(n, p, n0, p0, inside), minlength=len(counts)), np.float64)


def _group_sum(n: NDArray[Any], p: NDArray[Any], n0: NDArray[Any], p0: NDArray[Any], inside: NDArray[Any]) -> Values:
    """(p / n) sum_{t = 1..inside} [p0 + 1 + (t - 1) a] / (n0 + t) with a = (p - 1) / (n - 1), in closed form."""
    slope = np.where(n > 1, (p - 1) / np.maximum(n - 1, 1), 0.0)
    steps = harmonic(n0 + inside) - harmonic(n0)
    return np.asarray(ratio(p, n) * (slope * inside + (p0 + 1 - slope * (n0 + 1)) * steps))


def _over_retrieved(counts: Counts, k: int) -> Values:
    """Divided by the hits in the top k, which are random if k cuts a group of ties."""
    n0, p0 = counts.closer()
    inside = np.clip(k - n0, 0, counts.items)
    whole = inside == counts.items
    sums = np.where(whole, _group_sum(counts.items, counts.relevant, n0, p0, inside), 0.0).sum(axis=1)
    hits = np.where(whole, counts.relevant, 0).sum(axis=1)
    value = ratio(sums, hits)
    # At most one group a query is cut, the one with 0 < inside < items.
    row, group = np.nonzero((inside > 0) & ~whole)
    for part in _chunks(len(row)):
        at = (row[part], group[part])
        cut = (counts.items[at], counts.relevant[at], inside[at])
        value[row[part]] = _expected_ratio(sums[row[part]], n0[at], p0[at], *cut)
    return value


def _expected_ratio(
    sums: Values, n0: NDArray[Any], p0: NDArray[Any], n: NDArray[Any], p: NDArray[Any], m: NDArray[Any]
) -> Values:
    """Mean of [sums + part(h)] / (p0 + h), h hits among the m of n items before the cut, hypergeometric (n, p, m).

    Distributions are concatenated, each from lowest to highest h. Values of h further from the mean than 12 standard
    deviations and 20 are left out, because their weight is below the rounding error.
    """
    mean = m * p / n
    spread = 12 * np.sqrt(mean * (n - p) / n * (n - m) / np.maximum(n - 1, 1)) + 20
    low = np.maximum(np.maximum(0, m - (n - p)), np.floor(mean - spread)).astype(np.int64)
    high = np.minimum(np.minimum(m, p), np.ceil(mean + spread)).astype(np.int64)
    length = high - low + 1
    first = np.cumsum(length) - length
    sums, n0, p0, n, p, m, low = (np.repeat(x, length) for x in (sums, n0, p0, n, p, m, low))
    h = low + np.arange(len(low)) - np.repeat(first, length)
    log_weight = _log_binomial(p, h) + _log_binomial(n - p, m - h) - _log_binomial(n, m)
    weight = np.exp(log_weight)
    value = ratio(sums + _group_sum(m, h, n0, p0, m), p0 + h)
    # Dividing by the sum of the weights takes out the rounding of the log factorials.
    return np.asarray(np.add.reduceat(weight * value, first) / np.add.reduceat(weight, first))


def _log_binomial(n: NDArray[Any], k: NDArray[Any]) -> Values:
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))


def _chunks(total: int) -> Iterator[slice]:
    return (slice(start, start + ROWS) for start in range(0, total, ROWS))


def ratio(over: NDArray[Any], under: NDArray[Any]) -> Values:
    """Over / under, and 0 where under is 0."""
    out: Values = np.zeros(np.shape(over))
    np.divide(over, under, out=out, where=np.asarray(under) != 0)
    return out
