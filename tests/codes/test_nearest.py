import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal_hash.codes import distances, nearest, pack
from crossmodal_hash.errors import CodesError


def random_codes(seed, rows, bits):
    return pack(np.random.default_rng(seed).normal(size=(rows, bits)))


@given(st.integers(0, 99), st.integers(1, 40), st.integers(1, 60), st.integers(1, 12), st.integers(1, 70))
def test_it_is_the_beginning_of_a_stable_sort(seed, asked, items, bits, k):
    queries, database = random_codes(seed, asked, bits), random_codes(seed + 1, items, bits)
    whole = distances(queries, database, bits)
    rows, found = nearest(queries, database, bits, k)
    assert (rows == whole.argsort(axis=1, kind="stable")[:, :k]).all()
    assert (found == np.sort(whole, axis=1)[:, :k]).all()


def test_blocks_join_without_a_seam(monkeypatch):
    queries, database = random_codes(0, 9, 6), random_codes(1, 53, 6)
    whole = nearest(queries, database, 6, 11)
    module = importlib.import_module("crossmodal_hash.codes.nearest")
    monkeypatch.setattr(module, "ITEMS", 7)
    monkeypatch.setattr(module, "QUERIES", 2)
    for one, other in zip(whole, nearest(queries, database, 6, 11), strict=True):
        assert (one == other).all()


def test_nothing_is_found_in_nothing():
    rows, found = nearest(random_codes(0, 2, 8), np.empty((0, 1), np.uint8), 8, 3)
    assert rows.shape == found.shape == (2, 0)


def test_no_item_at_all_cannot_be_asked_for():
    with pytest.raises(CodesError, match="nearest items is 0; use 1 or more"):
        nearest(random_codes(0, 1, 8), random_codes(1, 4, 8), 8, 0)
