"""The index `scan`: what it finds, what a killed process leaves, and who may write."""

import json
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.codes import distances
from crossmodal_hash.engines import scan
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


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 9)), max_size=6), st.integers(1, 40))
def test_after_any_additions_and_removals_it_finds_what_a_sort_finds(steps, k):
    import tempfile

    where = tempfile.mkdtemp() + "/index"
    index, order, codes = Scan().create(where, CONTENT), [], draw(0)
    for adds, first, count in steps:
        names = [f"é{i}" for i in range(first, first + count)]
        kept = [i for i, name in enumerate(order) if name not in names]
        gone = len(order) - len(kept)
        order, codes = [order[i] for i in kept], codes[kept]
        if adds:
            new = draw(count, first)
            index.add(names, new)
            order, codes = order + names, np.concatenate([codes, new])
        else:
            assert index.remove(names) == gone
    for opened in (index, Scan().open(where)):
        assert len(opened) == len(order)
        query = draw(1, 99)
        (hits,), (near,) = opened.search(query, k), opened.within(query, 5)
        assert (hits.ids.tolist(), hits.distances.tolist()) == expected(order, codes, query[0], k=k)
        assert (near.ids.tolist(), near.distances.tolist()) == expected(order, codes, query[0], radius=5)
        assert distances(query, hits.packed, 12)[0].tolist() == hits.distances.tolist()


@pytest.mark.parametrize("write", ["add", "remove"])
def test_a_write_that_ends_before_the_last_file_leaves_the_old_index(tmp_path, monkeypatch, write):
    where = str(tmp_path / "index")
    index = Scan().create(where, CONTENT)
    index.add(["a", "b"], draw(2))

    def dies(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scan, "write_json", dies)
    with pytest.raises(OSError, match="No space"):
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
    assert sorted(reader.search(draw(1), 9)[0].ids.tolist()) == ["a", "b"]
    assert Scan().open(str(tmp_path / "index")).search(draw(1), 9)[0].ids.tolist() == ["b"]


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
    (tmp_path / "index.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(CodesError, match="is not that of an index"):
        Scan().open(str(tmp_path))
