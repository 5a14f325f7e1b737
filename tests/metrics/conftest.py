"""The toy vector of the metric definitions, and slow scorers that say what every number means."""

from itertools import permutations, product

import numpy as np
import pytest

from crossmodal_hash.metrics import Counts
from crossmodal_hash.metrics.counts import from_table
from crossmodal_hash.metrics.ties import _runs

TOY_DISTANCE = np.array([[1, 2, 2, 3, 4, 2], [3, 2, 2, 3, 2, 2], [3, 4, 4, 1, 2, 0], [1, 2, 2, 1, 2, 2]])
TOY_GRADE = np.array([[0, 1, 1, 0, 0, 0], [1, 2, 1, 0, 1, 0], [2, 1, 0, 0, 1, 0], [1, 1, 1, 0, 0, 0]])


def counts_of(distance, grade, bits) -> Counts:
    """Counts by looping over every pair."""
    distance, grade = np.asarray(distance), np.asarray(grade)
    table = np.zeros((len(distance), bits + 1, max(int(grade.max()), 1) + 1), np.int64)
    for q, n in product(*map(range, distance.shape)):
        table[q, distance[q, n], grade[q, n]] += 1
    return from_table(table, gains=True)


def stable_of(distance, grade) -> list[Counts]:
    """One ranking a query, ties in database order."""
    distance, grade = np.asarray(distance), np.asarray(grade)
    return [_runs(g[np.argsort(d, kind="stable")], int(grade.max())) for d, g in zip(distance, grade, strict=True)]


def orders(distance, grade):
    """Every order of the items that the distances allow, as grades from first to last."""
    at = [[g for d, g in zip(distance, grade, strict=True) if d == value] for value in sorted(set(distance))]
    for parts in product(*(permutations(group) for group in at)):
        yield [g for part in parts for g in part]


def slow_ap(order, k=None, divisor="R"):
    """Average precision of one order, by its definition."""
    hits, total = 0, 0.0
    for rank, g in enumerate(order[:k], start=1):
        if g > 0:
            hits += 1
            total += hits / rank
    relevant = sum(g > 0 for g in order)
    by = {"R": relevant, "retrieved": hits, "min": min(k or len(order), relevant), "k": k}[divisor]
    return total / by if by else 0.0


def slow_ndcg(order, k):
    """NDCG of one order, by its definition."""

    def dcg(grades):
        return sum((2**g - 1) / np.log2(i + 1) for i, g in enumerate(grades[:k], start=1))

    best = dcg(sorted(order, reverse=True))
    return dcg(order) / best if best else 0.0


@pytest.fixture
def toy() -> Counts:
    return counts_of(TOY_DISTANCE, TOY_GRADE, 4)


@pytest.fixture
def toy_stable() -> list[Counts]:
    return stable_of(TOY_DISTANCE, TOY_GRADE)
