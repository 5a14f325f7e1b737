import importlib.util

import numpy as np
import pytest

from crossmodal_hash.codes import pack
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.metrics import Labels, count, counts, same_id

pytest.importorskip("numba", reason="numba, the extra 'fast', is not installed")


def random_case(q, n, bits, classes, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((q + n, classes)) < 1.5 / classes).astype(np.uint8)
    codes = pack(rng.normal(size=(q + n, bits)))
    return codes[:q], codes[q:], Labels(labels[:q], labels[q:])


# One byte and several, a key of one byte and wider, an odd number of items, more than one tile.
@pytest.mark.parametrize(("bits", "n"), [(1, 7), (16, 4097), (64, 9001), (127, 5), (128, 33), (300, 4100), (1024, 50)])
@pytest.mark.parametrize("gains", [False, True])
def test_the_compiled_loop_counts_what_the_reference_counts(bits, n, gains):
    queries, database, relevance = random_case(19, n, bits, 21)
    slow = count(queries, database, bits, relevance, gains=gains, engine="numpy")
    fast = count(queries, database, bits, relevance, gains=gains, engine="numba", threads=3)
    assert (fast.items == slow.items).all()
    assert (fast.relevant == slow.relevant).all()
    if gains:
        assert (fast.shared == slow.shared).all()
        assert (fast.grades == slow.grades).all()


def test_a_database_in_several_blocks_and_left_out_pairs(monkeypatch):
    from crossmodal_hash.metrics import counts

    monkeypatch.setattr(counts, "BLOCK_ITEMS", 100)
    queries, database, _ = random_case(5, 999, 48, 3)
    names = np.arange(999).astype(str)
    own = same_id(names[:5], names)
    slow, fast = (count(queries, database, 48, own, leave_out=own, engine=engine) for engine in ("numpy", "numba"))
    assert (fast.items == slow.items).all()
    assert fast.total_items.tolist() == [998] * 5
    assert fast.total_relevant.tolist() == [0] * 5


@pytest.mark.parametrize("bits", [255, 256])  # 256 distances fit into one byte, 257 do not
def test_pairs_are_counted_at_the_longest_distances_of_one_byte_and_beyond(bits):
    codes = pack(np.array([[1], [-1], [-1]]) * np.ones(bits))
    same = same_id(np.array(["a"]), np.array(["a", "b", "c"]))
    found = count(codes[:1], codes, bits, same, engine="numba")
    assert found.items[0, [0, bits]].tolist() == [1, 2]
    assert found.relevant[0, [0, bits]].tolist() == [1, 0]


def test_equal_codes_fill_one_cell():
    codes = np.zeros((70_001, 2), np.uint8)
    found = count(codes[:2], codes, 16, Labels(np.ones((2, 1)), np.ones((70_001, 1))), engine="numba")
    assert found.relevant[:, 0].tolist() == [70_001, 70_001]


def test_without_numba_the_reference_counts_and_asking_for_it_is_refused(monkeypatch):
    queries, database, relevance = random_case(2, 9, 16, 3)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("crossmodal_hash.metrics.counts.COMPILING", 1)
    assert count(queries, database, 16, relevance).items.sum() == 18
    with pytest.raises(SettingsError, match=r"crossmodal-hash\[fast\]"):
        count(queries, database, 16, relevance, engine="numba")


def test_a_large_table_is_counted_by_compiled_code_and_a_small_one_is_not(monkeypatch):
    from crossmodal_hash.metrics import on_numba

    used, block = [], on_numba.NumbaBlock
    monkeypatch.setattr(on_numba, "NumbaBlock", lambda *given: used.append(True) or block(*given))
    monkeypatch.setattr(counts, "COMPILING", 12)
    codes, ids = np.zeros((4, 1), np.uint8), np.array(list("abcd"))
    count(codes[:2], codes, 8, same_id(ids[:2], ids))
    assert not used
    count(codes[:3], codes, 8, same_id(ids[:3], ids))
    assert used


@pytest.mark.parametrize("size", [200, 300])
def test_nothing_is_left_over_from_the_queries_counted_before(size):
    """A key of one byte, counted in pairs, and a wider one."""
    from crossmodal_hash.metrics.on_numba import Histogram

    queries, database, _ = random_case(2, 101, 16, 3)
    columns, grades = np.ascontiguousarray(database.T), np.zeros((1, 101), np.uint8)
    histogram = Histogram(1, size)
    first, second = (histogram(queries[i : i + 1], columns, grades, 17).copy() for i in (0, 1))
    assert first.sum() == second.sum() == 101
    assert (Histogram(1, size)(queries[1:2], columns, grades, 17) == second).all()
