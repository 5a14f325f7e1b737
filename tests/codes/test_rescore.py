import numpy as np
import pytest

from crossmodal_hash.codes import nearest, nearest_rescored, pack, rescore, unpack
from crossmodal_hash.errors import ShapeError

BITS = 13


@pytest.fixture
def real():
    generator = np.random.default_rng(0)
    return generator.normal(size=(5, BITS)), generator.normal(size=(60, BITS))


def test_a_code_is_ranked_by_how_sure_the_query_is_of_the_bits_it_shares(real):
    (u, *_), v = real
    items = pack(v)
    found = rescore(u, items, BITS)

    def agreement(row):
        return sum(x if x * y > 0 else -x for x, y in zip(np.abs(u), u * np.sign(v[row]), strict=True))

    assert found.tolist() == sorted(range(60), key=lambda row: -agreement(row))


def test_equal_values_keep_the_order_of_distance_and_row(real):
    u, items = np.where(real[0][0] >= 0, 1.0, -1.0), pack(real[1])
    rows, distances = nearest(pack(u[None]), items, BITS, 60)
    again, same = nearest_rescored(pack(u[None]), u[None], items, BITS, 60, 60)
    assert again.tolist() == rows.tolist()
    assert same.tolist() == distances.tolist()


@pytest.mark.parametrize(("k", "first"), [(3, 10), (10, 3), (4, 60), (4, 1000), (4, 0), (4, 1), (1000, 5)])
def test_only_the_first_ones_change_places(real, k, first):
    queries, items = pack(real[0]), pack(real[1])
    rows, distances = nearest_rescored(queries, real[0], items, BITS, k, first)
    near, near_distances = nearest(queries, items, BITS, max(k, first))
    for u, row, distance, candidates, theirs in zip(real[0], rows, distances, near, near_distances, strict=True):
        score = dict(zip(candidates.tolist(), (unpack(items[candidates], BITS) @ u).tolist(), strict=True))
        expected = sorted(score, key=lambda r: -score[r]) if first > 1 else candidates.tolist()
        assert row.tolist() == expected[:k]
        of = dict(zip(candidates.tolist(), theirs.tolist(), strict=True))
        assert distance.tolist() == [of[r] for r in row.tolist()]


def test_without_queries_nothing_is_found(real):
    rows, distances = nearest_rescored(pack(real[0])[:0], real[0][:0], pack(real[1]), BITS, 3)
    assert rows.shape == distances.shape == (0, 3)


def test_a_query_of_another_length_is_refused(real):
    with pytest.raises(ShapeError, match="has 13 values"):
        rescore(np.ones(12), pack(real[1]), BITS)
