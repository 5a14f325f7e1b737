from itertools import product

import numpy as np
import pytest

from crossmodal_hash.codes import distances, pack
from crossmodal_hash.errors import CodesError, SettingsError, ShapeError
from crossmodal_hash.metrics import Labels, Pairs, count, counts, in_order, on_numpy, same_id


def random_case(q, n, bits, classes, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((q + n, classes)) < 1.5 / classes).astype(np.uint8)
    return pack(rng.normal(size=(q, bits))), pack(rng.normal(size=(n, bits))), labels[:q], labels[q:]


def assert_equal(found, expected):
    assert (found.items == expected.items).all()
    assert (found.relevant == expected.relevant).all()


@pytest.mark.parametrize(("bits", "classes"), [(1, 1), (16, 5), (64, 33), (127, 65), (128, 5), (300, 130), (1024, 3)])
@pytest.mark.parametrize("gains", [False, True])
@pytest.mark.parametrize("paired", [False, True])
def test_counts_are_those_of_a_loop_over_all_pairs(count_slowly, monkeypatch, bits, classes, gains, paired):
    monkeypatch.setattr(on_numpy, "PAIRING", 1 if paired else 10**9)
    monkeypatch.setattr(counts, "BLOCK_ITEMS", 17)
    queries, database, q_labels, labels = random_case(11, 41, bits, classes)
    shared = q_labels.astype(int) @ labels.T
    slow = count_slowly(distances(queries, database, bits), shared, bits)
    fast = count(queries, database, bits, Labels(q_labels, labels), gains=gains)
    assert_equal(fast, slow)
    if gains:
        assert (fast.shared == slow.shared).all()
        assert fast.gain == pytest.approx(slow.gain)
        assert (fast.grades[:, : slow.grades.shape[1]] == slow.grades).all()
    else:
        assert fast.shared is None


@pytest.mark.parametrize("gains", [False, True])
def test_left_out_pairs_do_not_count(count_slowly, gains):
    queries, database, q_labels, labels = random_case(6, 20, 16, 3)
    distance, shared = distances(queries, database, 16), q_labels.astype(int) @ labels.T
    out = [(0, 3), (0, 7), (5, 19)]
    found = count(
        queries, database, 16, Labels(q_labels, labels), gains=gains, leave_out=Pairs(*np.array(out).T, 6, 20)
    )
    expected = count_slowly(distance, shared, 16)
    for q, n in out:
        expected.items[q, distance[q, n]] -= 1
        expected.relevant[q, distance[q, n]] -= shared[q, n] > 0
    assert_equal(found, expected)


def test_left_out_pairs_do_not_rank(count_slowly):
    queries, database, q_labels, labels = random_case(3, 10, 8, 3)
    own = Pairs(np.array([1]), np.array([4]), 3, 10)
    rankings = list(in_order(queries, database, 8, Labels(q_labels, labels), leave_out=own))
    assert np.concatenate([r.total_items for r in rankings]).tolist() == [10, 9, 10]


def test_threads_and_a_memory_map_change_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(counts, "BLOCK_ITEMS", 100)
    queries, database, q_labels, labels = random_case(20, 950, 48, 21)
    expected = count(queries, database, 48, Labels(q_labels, labels), threads=1)
    np.save(tmp_path / "codes.npy", database)
    np.save(tmp_path / "labels.npy", labels)
    mapped, mapped_labels = (np.load(tmp_path / name, mmap_mode="r") for name in ("codes.npy", "labels.npy"))
    assert_equal(count(queries, mapped, 48, Labels(q_labels, mapped_labels), threads=3), expected)


def test_relevance_by_identity_and_by_judgement_agrees_with_a_loop(count_slowly, monkeypatch):
    monkeypatch.setattr(counts, "BLOCK_ITEMS", 4)
    queries, database, _, _ = random_case(5, 9, 8, 1)
    grade = np.zeros((5, 9), int)
    for q, n in product(range(5), range(9)):
        grade[q, n] = max(0, (q * n) % 5 - 2)
    rows, items = np.nonzero(grade)
    pairs = Pairs(rows[::-1], items[::-1], 5, 9, grade[rows, items][::-1])
    slow = count_slowly(distances(queries, database, 8), grade, 8)
    assert_equal(count(queries, database, 8, pairs), slow)
    assert (count(queries, database, 8, pairs, gains=True).shared == slow.shared).all()
    every = Pairs(*np.indices(grade.shape).reshape(2, -1), 5, 9)
    assert (pairs.of_pairs(every) == grade.ravel()).all()


def test_equal_codes_fall_into_one_group():
    codes = np.zeros((7, 2), np.uint8)
    found = count(codes, codes, 16, same_id(np.arange(7).astype(str), np.arange(7).astype(str)))
    assert found.items[:, 0].tolist() == [7] * 7
    assert found.relevant.sum() == 7


def test_an_empty_side_and_sizes_that_do_not_fit_are_refused():
    codes, none = np.zeros((2, 1), np.uint8), np.zeros((0, 1), np.uint8)
    labels, no_labels = np.ones((2, 3)), np.ones((0, 3))
    with pytest.raises(CodesError, match="0 queries"):
        count(none, codes, 8, Labels(no_labels, labels))
    with pytest.raises(CodesError, match="0 database items"):
        count(codes, none, 8, Labels(labels, no_labels))
    with pytest.raises(ShapeError, match="2 queries x 1 items"):
        count(codes, codes, 8, Labels(labels, labels[:1]))
    with pytest.raises(CodesError, match="packed codes of 9 bits"):
        count(codes, codes, 9, Labels(labels, labels))
    with pytest.raises(SettingsError, match="threads must be at least 1"):
        count(codes, codes, 8, Labels(labels, labels), threads=0)
    with pytest.raises(CodesError, match="32767"):
        count(np.zeros((1, 4096), np.uint8), np.zeros((1, 4096), np.uint8), 32_768, Labels(labels[:1], labels[:1]))
