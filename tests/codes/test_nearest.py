import importlib
import importlib.util
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.codes import distances, nearest, pack
from crossmodal_hash.errors import CodesError, SettingsError


def random_codes(seed, rows, bits):
    return pack(np.random.default_rng(seed).normal(size=(rows, bits)))


LOOPS = [
    "numpy",
    pytest.param("numba", marks=pytest.mark.skipif(not importlib.util.find_spec("numba"), reason="needs numba")),
]


@pytest.mark.parametrize("loop", LOOPS)
# Compiling takes longer than any deadline.
@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 99),
    st.integers(1, 40),
    st.integers(1, 60),
    st.sampled_from([1, 12, 64, 300]),
    st.integers(1, 70),
    st.integers(1, 3),
    st.booleans(),
)
def test_it_is_the_beginning_of_a_stable_sort(loop, seed, asked, items, bits, k, threads, all_there):
    queries, database = random_codes(seed, asked, bits), random_codes(seed + 1, items, bits)
    there = None if all_there else np.random.default_rng(seed).random(items) < 0.6
    rows_there = np.arange(items) if there is None else np.flatnonzero(there)
    whole = distances(queries, database[rows_there], bits)
    rows, found = nearest(queries, database, bits, k, there, threads=threads, loop=loop)
    assert (rows == rows_there[whole.argsort(axis=1, kind="stable")[:, :k]]).all()
    assert (found == np.sort(whole, axis=1)[:, :k]).all()


@pytest.mark.parametrize("loop", LOOPS)
def test_many_items_at_one_distance_and_blocks_join_without_a_seam(loop, monkeypatch):
    module = importlib.import_module("crossmodal_hash.codes.nearest")
    for name, size in (("ITEMS", 5_000), ("QUERIES", 2), ("FIRST", 3)):
        monkeypatch.setattr(module, name, size)
    queries, database = random_codes(0, 9, 6), random_codes(1, 20_011, 6)
    whole = distances(queries, database, 6).argsort(axis=1, kind="stable")
    for threads, k in ((1, 11), (2, 900), (3, 20_011)):
        assert (nearest(queries, database, 6, k, threads=threads, loop=loop)[0] == whole[:, :k]).all()


def test_what_cannot_be_had_is_refused(monkeypatch):
    codes = random_codes(0, 2, 8)
    with pytest.raises(SettingsError, match="threads must be at least 1, not 0"):
        nearest(codes, codes, 8, 1, threads=0)
    with pytest.raises(SettingsError, match=r"unknown loop 'numbra' \(did you mean 'numba' or 'numpy'\?\)"):
        nearest(codes, codes, 8, 1, loop="numbra")
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "numba")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install crossmodal-hash\[fast\]"):
        nearest(codes, codes, 8, 1, loop="numba")
    assert nearest(codes, codes, 8, 1)[0].tolist() == [[0], [1]]


def test_nothing_is_found_in_nothing():
    rows, found = nearest(random_codes(0, 2, 8), np.empty((0, 1), np.uint8), 8, 3)
    assert rows.shape == found.shape == (2, 0)


def test_no_item_at_all_cannot_be_asked_for():
    with pytest.raises(CodesError, match="nearest items is 0; use 1 or more"):
        nearest(random_codes(0, 1, 8), random_codes(1, 4, 8), 8, 0)
