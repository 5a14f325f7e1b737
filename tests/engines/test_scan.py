"""The index `scan`: what it finds, what a killed process leaves, and who may write."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.codes import distances
from crossmodal_hash.engines import segment, store
from crossmodal_hash.engines.engine import Content
from crossmodal_hash.engines.scan import Scan
from crossmodal_hash.errors import CodesError

CONTENT = Content(12, "image", "abc")


def draw(n, seed=0):
    codes = np.random.default_rng(seed).integers(0, 256, (n, 2), dtype=np.uint8)
    codes[:, 1] &= 15
    return codes


def expected(order, codes, query, k=None, radius=None):
    """Ids and distances by the slow way: a stable sort of everything."""
    distance = distances(query[None], codes, 12)[0]
    rows = [i for i in np.argsort(distance, kind="stable") if radius is None or distance[i] <= radius][:k]
    return [order[i] for i in rows], distance[rows].tolist()


NAMES = st.lists(st.sampled_from(["", "é", "a\nb", "\udc80", *map(str, range(20))]), max_size=9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), NAMES), max_size=8), st.integers(1, 40))
def test_after_any_additions_and_removals_it_finds_what_a_sort_finds(steps, k):
    where = tempfile.mkdtemp() + "/index"
    index, order, codes = Scan().create(where, CONTENT), [], draw(0)
    for seed, (adds, names) in enumerate(steps):
        kept = [i for i, name in enumerate(order) if name not in names]
        gone = len(order) - len(kept)
        order, codes = [order[i] for i in kept], codes[kept]
        if adds:
            new = draw(len(names), seed)
            index.add(names, new)
            order, codes = order + names, np.concatenate([codes, new])
        else:
            assert index.remove(names) == gone
    numbers = [order[:i].count(name) for i, name in enumerate(order)]
    for opened in (index, Scan().open(where)):
        assert len(opened) == len(order)
        query = draw(1, 99)
        (hits,), (near,) = opened.search(query, k), opened.within(query, 5)
        assert (hits.ids.tolist(), hits.distances.tolist()) == expected(order, codes, query[0], k=k)
        assert (near.ids.tolist(), near.distances.tolist()) == expected(order, codes, query[0], radius=5)
        assert distances(query, hits.packed, 12)[0].tolist() == hits.distances.tolist()
        for item, number, code in zip(hits.ids.tolist(), hits.numbers, hits.packed, strict=True):
            row = next(i for i, name in enumerate(order) if (name, numbers[i]) == (item, number))
            assert code.tolist() == codes[row].tolist()
        for item in {*order, "not there"}:
            assert opened.codes_of(item).tolist() == [codes[i].tolist() for i, x in enumerate(order) if x == item]


def test_many_small_additions_leave_few_files(tmp_path):
    index = Scan().create(str(tmp_path / "index"), CONTENT)
    for i in range(100):
        index.add([str(i)], draw(1, i))
    assert len(index.store.segments) <= 7
    assert len(list((tmp_path / "index").iterdir())) <= 7 * 5 + 2
    assert index.remove(["7", "50"]) == 2
    index.add([str(i) for i in range(100, 300)], draw(200))
    assert (len(index), len(index.store.segments)) == (298, 1)


def test_ids_are_told_apart_when_their_hashes_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(segment, "_hash", lambda encoded: 7)
    index = Scan().create(str(tmp_path / "index"), CONTENT)
    index.add(["a", "b", "a", "c"], draw(4))
    assert index.search(draw(1), 4)[0].numbers.sum() == 1
    assert index.remove(["a", "d"]) == 2
    assert index.codes_of("b").tolist() == draw(4)[1:2].tolist()


@pytest.mark.parametrize("write", ["add", "remove"])
def test_a_write_that_ends_before_the_last_file_leaves_the_old_index(tmp_path, monkeypatch, write):
    where = str(tmp_path / "index")
    index = Scan().create(where, CONTENT)
    index.add(["a", "b"], draw(2))

    def dies(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_json", dies)
    with pytest.raises(CodesError, match=r"No space left on device.*; the index is as it was before"):
        index.add(["c", "a"], draw(2, 1)) if write == "add" else index.remove(["a"])
    monkeypatch.undo()
    left = set(Path(where).iterdir())
    again = Scan().open(where)
    assert sorted(again.search(draw(1), 9)[0].ids.tolist()) == ["a", "b"]
    again.add(["d"], draw(1, 2))
    assert left - set(Path(where).iterdir()), "what was left over is removed by the next writer"
    assert sorted(Scan().open(where).search(draw(1), 9)[0].ids.tolist()) == ["a", "b", "d"]


def test_a_reader_goes_on_while_items_are_removed(tmp_path):
    index = Scan().create(str(tmp_path / "index"), CONTENT)
    index.add(["a", "b"], draw(2))
    reader = Scan().open(str(tmp_path / "index"))
    index.remove(["a"])
    index.add(["c"], draw(1))
    assert sorted(reader.search(draw(1), 9)[0].ids.tolist()) == ["a", "b"]
    assert sorted(Scan().open(str(tmp_path / "index")).search(draw(1), 9)[0].ids.tolist()) == ["b", "c"]


def test_a_reader_that_comes_while_files_are_joined_finds_the_new_ones(tmp_path, monkeypatch):
    where = tmp_path / "index"
    index = Scan().create(str(where), CONTENT)
    index.add(["a"], draw(1))
    old = store.read_catalog(where)
    index.add(["b"], draw(1))
    catalogs = [old, store.read_catalog(where), store.read_catalog(where)]
    monkeypatch.setattr(store, "read_catalog", lambda folder: catalogs.pop(0))
    assert len(Scan().open(str(where))) == 2


def test_two_cannot_write_at_once(tmp_path):
    index = Scan().create(str(tmp_path / "index"), CONTENT)
    with FileLock(tmp_path / "index" / ".lock"), pytest.raises(CodesError, match="written by another process"):
        index.add(["a"], draw(1))


def test_folders_that_are_no_index_or_not_empty_are_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CodesError, match="already holds something"):
        Scan().create(str(tmp_path), CONTENT)
    with pytest.raises(CodesError, match="is not an index"):
        Scan().open(str(tmp_path))
    catalog = tmp_path / "index.json"
    for content, message in [
        ({"format": "other"}, "is not that of an index"),
        ({"format": store.FORMAT, "version": 2}, "version 2, but this program reads 1"),
        ({"format": store.FORMAT, "version": 1}, "is damaged"),
        ({"format": store.FORMAT, "version": 1, "content": {}, "segments": [], "files": {}}, "is damaged"),
    ]:
        catalog.write_text(json.dumps(content))
        with pytest.raises(CodesError, match=message):
            Scan().open(str(tmp_path))
    Scan().create(str(tmp_path / "index"), CONTENT)
    index = Scan().create(str(tmp_path / "index"), CONTENT)  # a killed build leaves an index without codes
    index.add(["a"], draw(1))
    with pytest.raises(CodesError, match="already holds something"):
        Scan().create(str(tmp_path / "index"), CONTENT)
    next((tmp_path / "index").glob("*.codes.npy")).unlink()
    with pytest.raises(CodesError, match=r"misses .*codes\.npy"):
        Scan().open(str(tmp_path / "index"))


def test_codes_that_do_not_fit_are_refused(tmp_path):
    index = Scan().create(str(tmp_path / "index"), CONTENT)
    with pytest.raises(CodesError, match="2 codes but 1 ids"):
        index.add(["a"], draw(2))
    with pytest.raises(CodesError):
        index.add(["a"], np.zeros((1, 3), np.uint8))
    assert len(Scan().open(str(tmp_path / "index"))) == 0
