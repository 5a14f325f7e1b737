"""The toy vector of the metric definitions, counted by loops."""

from itertools import product

import numpy as np
import pytest

from crossmodal_hash.metrics import Counts
from crossmodal_hash.metrics.counts import from_table
from crossmodal_hash.metrics.ties import runs

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
    ranked = [g[np.argsort(d, kind="stable")] for d, g in zip(distance, grade, strict=True)]
    return [runs(g[None], np.array([len(g)]), int(grade.max())) for g in ranked]


@pytest.fixture
def count_slowly():
    return counts_of


@pytest.fixture
def toy_distance():
    return TOY_DISTANCE


@pytest.fixture
def toy_grade():
    return TOY_GRADE


@pytest.fixture
def toy() -> Counts:
    return counts_of(TOY_DISTANCE, TOY_GRADE, 4)


@pytest.fixture
def toy_stable() -> list[Counts]:
    return stable_of(TOY_DISTANCE, TOY_GRADE)
