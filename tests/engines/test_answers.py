"""Answers of an index, ordered again by the queries before the sign."""

import numpy as np
import pytest

from crossmodal_hash.codes import Codes, nearest, pack, unpack
from crossmodal_hash.engines.answers import answers
from crossmodal_hash.engines.in_memory import InMemory

BITS = 13


@pytest.fixture
def real():
    generator = np.random.default_rng(0)
    return generator.normal(size=(5, BITS)), generator.normal(size=(60, BITS))


def found(queries, u, items, bits, k, first):
    """Rows and distances of the first k answers to each query."""
    index = InMemory(Codes(items, bits, np.arange(len(items)), "image"))
    hits = answers(index, queries, u, k, first)
    return np.stack([x.ids[:k].astype(int) for x in hits]), np.stack([x.distances[:k] for x in hits])


def test_equal_values_keep_the_order_of_distance_and_row(real):
    u, items = np.where(real[0][0] >= 0, 1.0, -1.0), pack(real[1])
    rows, distances = nearest(pack(u[None]), items, BITS, 60)
    again, same = found(pack(u[None]), u[None], items, BITS, 60, 60)
    assert again.tolist() == rows.tolist()
    assert same.tolist() == distances.tolist()


@pytest.mark.parametrize(("k", "first"), [(3, 10), (10, 3), (4, 60), (4, 1000), (4, 0), (4, 1), (1000, 5)])
def test_only_the_first_ones_change_places(real, k, first):
    queries, items = pack(real[0]), pack(real[1])
    rows, distances = found(queries, real[0], items, BITS, k, first)
    near, near_distances = nearest(queries, items, BITS, max(k, first))
    for u, row, distance, candidates, theirs in zip(real[0], rows, distances, near, near_distances, strict=True):
        score = dict(zip(candidates.tolist(), (unpack(items[candidates], BITS) @ u).tolist(), strict=True))
        expected = sorted(score, key=lambda r: -score[r]) if first > 1 else candidates.tolist()
        assert row.tolist() == expected[:k]
        of = dict(zip(candidates.tolist(), theirs.tolist(), strict=True))
        assert distance.tolist() == [of[r] for r in row.tolist()]


def test_without_queries_nothing_is_found(real):
    assert (
        answers(InMemory(Codes(pack(real[1]), BITS, np.arange(60), "image")), pack(real[0])[:0], real[0][:0], 3) == []
    )
