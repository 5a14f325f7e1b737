"""Tie rules, each as a way to split the groups of `Counts`, so that one set of formulas serves them all.

The formulas take the mean over every order inside a group. A group whose items are all alike has one order, so a fixed
order is a ranking whose groups are pure: relevant items first (optimistic), last (pessimistic), or runs of equal grade
in database order (stable).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.hamming import distance_dtype, fill_distances, to_words
from crossmodal_hash.metrics.counts import STRETCH, Counts, check_sizes
from crossmodal_hash.metrics.relevance import Pairs, Relevance

Ties = Literal["expected", "stable", "optimistic", "pessimistic"]


def split(counts: Counts, rule: Literal["optimistic", "pessimistic"]) -> Counts:
    """Every group in two: its relevant items and the others, in the order of the rule.

    The grades are dropped: which of two relevant items comes first is not said by these rules.

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
    leave_out: Pairs | None = None,
) -> Iterator[Counts]:
    """Rank the database for one query after another, ties in database order (`stable`).

    Slower than `count` by the sort of N distances per query, and needs memory for one query's ranking.

    Args:
        queries: packed codes, uint8 (Q, ceil(K / 8)), Q >= 1.
        database: packed codes, uint8 (N, ceil(K / 8)), N >= 1.
        bits: K.
        relevance: which items are relevant to which query.
        leave_out: pairs that do not count.

    Yields:
        Counts of one query: runs of neighbours with equal grade, with grades.

    Raises:
        CodesError: if there is no query or no item, or the codes do not have K bits.
        ShapeError: if the relevance is for other numbers of queries or items.
    """
    check_sizes(queries, database, bits, relevance)
    n = len(database)
    words, columns = to_words(queries), np.ascontiguousarray(to_words(database).T)
    stretches = [relevance.grades(start, min(start + STRETCH, n)) for start in range(0, n, STRETCH)]
    distance = np.empty((1, n), distance_dtype(bits))
    for query in range(len(queries)):
        fill_distances(words[query : query + 1], columns, distance)
        grade = np.concatenate([of_query(query) for of_query in stretches])
        keep = np.ones(n, bool)
        if leave_out is not None:
            keep[leave_out.item[leave_out.query == query]] = False
        order = np.argsort(distance[0][keep], kind="stable")
        yield runs(grade[keep][order], relevance.max_grade)


def runs(grade: NDArray[Any], max_grade: int) -> Counts:
    """Counts of one ranking without ties: each run of neighbours with equal grade is a group.

    Args:
        grade: grades in the order of the ranking, (N,), unsigned.
        max_grade: upper bound of the grades.

    Returns:
        Counts of one query, with grades.
    """
    starts = np.concatenate([[0], np.flatnonzero(grade[1:] != grade[:-1]) + 1])
    items = np.diff(starts, append=len(grade))
    g = grade[starts].astype(np.int64) if len(grade) else np.zeros(1, np.int64)
    return Counts(
        items=items[None],
        relevant=(items * (g > 0))[None],
        shared=(items * g)[None],
        gain=(items * (2.0**g - 1))[None],
        grades=np.bincount(grade, minlength=max_grade + 1)[None],
    )
