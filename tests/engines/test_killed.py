"""Processes that write an index and are killed, meet each other, or find the disk full.

More kills than the suite has time for: `CHASH_KILLS=30 pytest -m slow -s tests/engines/test_killed.py`.
"""

import importlib.util
import os
import random
import shutil
import sys
import time
from collections import Counter

import numpy as np
import pytest
from index_writer import Writer

from crossmodal_hash.codes import Codes, save
from crossmodal_hash.engines.compare import compare_with
from crossmodal_hash.opening.index import create_index, open_index
from crossmodal_hash.settings.flags import read_part

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("CHASH_KILLS", "2"))
N, BITS = 20_000, 64
NO_FAISS = pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="faiss is not installed")
ENGINES = ["scan", pytest.param("faiss", marks=NO_FAISS), pytest.param("faiss,kind=ivf,nlist=50", marks=NO_FAISS)]


def draw(n, first=0):
    rng = np.random.default_rng(first)
    packed = rng.integers(0, 256, (n, BITS // 8), dtype=np.uint8)
    return Codes(packed, BITS, [f"item {i}" for i in range(first, first + n)], "image", fingerprint="abc")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Codes files: what is there first, and what is added, some of which replaces."""
    folder = tmp_path_factory.mktemp("codes")
    old, new = draw(N), draw(N, N - 100)
    save(folder / "old.safetensors", old)
    save(folder / "new.safetensors", new)
    kept = np.concatenate([old.packed[: N - 100], new.packed])
    return folder, old, Codes(kept, BITS, [*old.ids[: N - 100], *new.ids], "image", fingerprint="abc")


def build(where, engine, codes):
    with create_index(str(where), codes, read_part(engine)) as made:
        made.add(codes.ids.tolist(), codes.packed)


def left_at(where, states):
    """Which of the states is there, every code of it and nothing else."""
    if not (where / "index.json").exists():
        return "nothing"
    with open_index(str(where)) as index:
        (name,) = [name for name, codes in states.items() if len(codes) == len(index)]
        assert not (broken := compare_with(index, states[name], sample=20).broken()), broken
        assert len(set(index.search(np.zeros((1, BITS // 8), np.uint8), 50)[0].ids.tolist())) == min(50, len(index))
    return name


@pytest.mark.parametrize("action", ["build", "add"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_process_that_is_killed_leaves_the_old_index_or_the_new_one(engine, action, tmp_path, files, capsys):
    folder, old, both = files
    codes = folder / ("old.safetensors" if action == "build" else "new.safetensors")
    states = {"empty": old.select(range(0)), "whole": old} if action == "build" else {"old": old, "new": both}
    moments, draws, seen, halfway = [], random.Random(0), Counter(), 0
    for number in range(KILLS + 1):
        where = tmp_path / str(number)
        if action == "add":
            build(where, engine, old)
            reader = open_index(str(where))
        writer = Writer(action, where, codes, engine)
        if not number:
            started = time.perf_counter()
            writer.go()
            assert writer.said() == "done"
            moments.append(time.perf_counter() - started)
            continue
        # The first one may have been quick.
        moments.append(draws.uniform(0, 1.5 * moments[0]))
        writer.go()
        time.sleep(moments[-1])
        writer.kill()
        left = left_at(where, states)
        seen[left] += 1
        halfway += where.exists() and bool(unnamed(where))
        if action == "add":
            assert not compare_with(reader, old, sample=5).broken(), "who opened it before goes on with what was there"
            assert left != "nothing"
        if left != "nothing":
            new = old if action == "build" else both.select(range(N - 100, len(both)))
            with open_index(str(where)) as again:
                again.add(new.ids.tolist(), new.packed)
            assert left_at(where, states) == list(states)[-1]
            assert not unnamed(where)
        shutil.rmtree(where, ignore_errors=True)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{engine}: {KILLS} kills in {action}, which takes {moments[0]:.2f} s, left {dict(seen)}; "
            f"{halfway} of them with files that were not finished\n"
        )


def unnamed(where):
    """The files in the folder that its catalog does not name."""
    catalog = where / "index.json"
    text = catalog.read_text() if catalog.exists() else ""
    names = {path.name for path in where.iterdir()} - {"index.json", ".lock"}
    return {name for name in names if name.partition(".")[0] not in text or name.startswith(".")}


@pytest.mark.parametrize("engine", ENGINES)
def test_one_of_two_writers_at_once_is_told_and_nothing_is_lost(engine, tmp_path, files):
    folder, old, _ = files
    where = tmp_path / "index"
    build(where, engine, old)
    for first in (N, 3 * N):
        save(folder / f"{first}.safetensors", draw(N, first))
    writers = [Writer("add", where, folder / f"{first}.safetensors", engine) for first in (N, 3 * N)]
    for writer in writers:
        writer.go()
    said = [writer.said() for writer in writers]
    done = [first for first, words in zip((N, 3 * N), said, strict=True) if words == "done"]
    assert done
    assert all("is being written by another process" in words for words in said if words != "done")
    added = [draw(N, first) for first in done]
    packed = np.concatenate([old.packed, *(codes.packed for codes in added)])
    ids = [*old.ids, *(item for codes in added for item in codes.ids)]
    with open_index(str(where)) as index:
        expected = Codes(packed, BITS, ids, "image")
        # Who waited for the other to finish has written second.
        assert not compare_with(index, expected).broken()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("limit", [1_000, 100_000, 300_000])
def test_a_full_disk_is_said_in_a_sentence_and_changes_nothing(engine, limit, tmp_path, files):
    pytest.importorskip("resource", reason="this system has no limit on the size of files")
    folder, old, both = files
    where = tmp_path / "index"
    build(where, engine, old)
    writer = Writer("add", where, folder / "new.safetensors", engine, limit)
    writer.go()
    said = writer.said()
    assert said.startswith(f"cannot write to {where}")
    assert said.endswith("the index is as it was before")
    assert left_at(where, {"old": old, "new": both}) == "old"
    with open_index(str(where)) as index:
        index.remove(["nobody"])
    assert not unnamed(where)
