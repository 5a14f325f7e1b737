"""Tie rules, each as a way to split the groups of `Counts`, so that one set of formulas works for all.

The formulas take the mean over every order within a group. A group of equal items has only one order, so a fixed order
is a ranking with pure groups: relevant items first (optimistic), last (pessimistic), or runs of equal grade in database
order (stable).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.hamming import distance_dtype, fill_distances, to_words
from crossmodal_hash.metrics.counts import BLOCK_ITEMS, Counts, check_sizes
from crossmodal_hash.metrics.relevance import Pairs, Relevance

Ties = Literal["expected", "stable", "optimistic", "pessimistic"]
RANKED = 262144
"""Pairs of a query and an item ranked at once, which takes about 20 MB."""


def split(counts: Counts, rule: Literal["optimistic", "pessimistic"]) -> Counts:
    """Split every group in two: its relevant items and the others, in the order of the rule.

    The grades are dropped, because these rules do not define which of two relevant items comes first.

    Args:
        counts: counts by distance, G groups.
        rule: relevant items first (`optimistic`) or last (`pessimistic`).

    Returns:
        Counts with 2 G pure groups.

    Example:
        >>> table = Counts(np.array([[3]]), np.array([[1]]))
        >>> split(table, "pessimistic").items.tolist(), split(table, "pessimistic").relevant.tolist()
        ([[2, 1]], [[0, 1]])
    """
    other = counts.items - counts.relevant
    nothing = np.zeros_like(other)
    pair = [(counts.relevant, counts.relevant), (other, nothing)]
    first, second = pair if rule == "optimistic" else reversed(pair)
    items, relevant = (np.stack(sides, axis=2).reshape(len(counts), -1) for sides in zip(first, second, strict=True))
    return Counts(items, relevant)


def in_order(
    queries: NDArray[np.uint8],
    database: NDArray[np.uint8],
    bits: int,
    relevance: Relevance,
    *,
    gains: bool = False,
    leave_out: Pairs | None = None,
) -> Iterator[Counts]:
    """Rank the database for a few queries at a time, ties in database order (`stable`).

    Slower than `count`, because it sorts N distances per query, and needs memory for one query's ranking.

    Args:
        queries: packed codes, uint8 (Q, ceil(K / 8)), Q >= 1.
        database: packed codes, uint8 (N, ceil(K / 8)), N >= 1.
        bits: K.
        relevance: which items are relevant to which query.
        gains: also sum the grades.
        leave_out: pairs that do not count.

    Yields:
        Counts of the next queries: runs of neighbors with equal grade, or equal relevance without `gains`.

    Raises:
        CodesError: if there is no query or no item, or the codes do not have K bits.
        ShapeError: if the relevance is for other numbers of queries or items.
    """
    check_sizes(queries, database, bits, relevance)
    n = len(database)
    words, columns = to_words(queries), np.ascontiguousarray(to_words(database).T)
    level = relevance.grades if gains else relevance.flags
    blocks = [level(start, min(start + BLOCK_ITEMS, n)) for start in range(0, n, BLOCK_ITEMS)]
    block = max(1, RANKED // n)
    for start in range(0, len(queries), block):
        rows = np.arange(start, min(start + block, len(queries)))
        distance = np.empty((len(rows), n), distance_dtype(bits + 1))
        fill_distances(words[rows], columns, distance)
        grade = np.stack([np.concatenate([of_query(query) for of_query in blocks]) for query in rows.tolist()])
        length = np.full(len(rows), n)
        if leave_out is not None:
            row, item = leave_out.between(start, start + block)
            distance[row, item] = bits + 1  # behind everything, where the ranking has ended
            length -= np.bincount(row, minlength=len(rows))
        for d, g in zip(distance, grade, strict=True):
            g[:] = g[np.argsort(d, kind="stable")]
        yield runs(grade, length, relevance.max_grade if gains else None)


def runs(grade: NDArray[Any], length: NDArray[np.int64], max_grade: int | None) -> Counts:
    """Counts of rankings without ties: each run of neighbors with equal grade is a group.

    Args:
        grade: grades in the order of the rankings, (Q, N), unsigned.
        length: number of ranked items of each query, (Q,) in 0..N; later items do not count.
        max_grade: upper bound of the grades; None to separate only relevant from other items, at grades 0 and 1.

    Returns:
        Counts with as many groups as the longest ranking needs; the others end in empty groups.

    Example:
        >>> runs(np.array([[1, 1, 0, 1], [0, 0, 1, 1]]), np.array([4, 3]), None).items.tolist()
        [[2, 1, 1], [2, 1, 0]]
    """
    q, n = grade.shape
    first = np.ones((q, n), bool)
    np.not_equal(grade[:, 1:], grade[:, :-1], out=first[:, 1:])
    first &= np.arange(n) < length[:, None]
    at = np.flatnonzero(first)
    row = at // n
    number = np.bincount(row, minlength=q)
    last = np.cumsum(number)
    # A run ends where the next begins, or with the ranking.
    end = np.append(at[1:], 0)
    end[last[number > 0] - 1] = (np.arange(q) * n + length)[number > 0]
    place = row, np.arange(len(at)) - np.repeat(last - number, number)
    shape = q, max(1, int(number.max()))
    items, g = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    items[place], g[place] = end - at, grade.ravel()[at]
    relevant = np.where(g > 0, items, 0)
    if max_grade is None:
        return Counts(items, relevant)
    grades = np.zeros((q, max_grade + 1), np.int64)
    np.add.at(grades, (np.arange(q)[:, None], g), items)
    return Counts(items, relevant, items * g, items * (2.0 ** np.arange(max_grade + 1) - 1)[g], grades)
