"""The engine `faiss`: what it finds, when its file is written again, and what is refused."""

import importlib
import importlib.util
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.codes import Codes, nearest
from crossmodal_hash.engines import faiss as engine
from crossmodal_hash.engines import store
from crossmodal_hash.engines.engine import Content
from crossmodal_hash.engines.faiss import Faiss
from crossmodal_hash.engines.in_memory import InMemory
from crossmodal_hash.engines.scan import Scan
from crossmodal_hash.errors import CodesError, SettingsError
from crossmodal_hash.opening.index import create_index, open_index, read_engine
from crossmodal_hash.testing import assert_conforms

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("faiss") is None, reason="faiss is not installed; pip install faiss-cpu"
)
CONTENT = Content(12, "image", "abc")
KINDS = [
    {"kind": "flat"},
    {"kind": "ivf"},
    {"kind": "ivf", "nlist": 9, "nprobe": 1},
    {"kind": "hnsw", "m": 4, "ef_search": 8},
    {"kind": "hash", "nflip": 0},
]


def draw(n, seed=0):
    codes = np.random.default_rng(seed).integers(0, 256, (n, 2), dtype=np.uint8)
    codes[:, 1] &= 15
    return codes


def listed(found):
    return [
        list(zip(hits.ids.tolist(), hits.numbers.tolist(), hits.distances.tolist(), hits.packed.tolist(), strict=True))
        for hits in found
    ]


@pytest.mark.parametrize("params", [*KINDS, {"kind": "ivf", "nlist": 1000}])
def test_every_kind_keeps_the_rules_of_an_engine(params):
    assert_conforms("engine", "faiss", **params)


STEPS = st.lists(
    st.tuples(st.booleans(), st.lists(st.sampled_from(["", "é", "\udc80", *map(str, range(30))]), max_size=25)),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(STEPS, st.integers(1, 40), st.sampled_from(KINDS))
def test_after_any_additions_and_removals_it_finds_as_many_and_if_exact_the_same_as_a_scan(steps, k, params):
    index, true = Faiss(**params).create(tempfile.mkdtemp() + "/a", CONTENT), Scan()
    true.create(tempfile.mkdtemp() + "/b", CONTENT)
    for seed, (adds, names) in enumerate(steps):
        if adds:
            for each in (index, true):
                each.add(names, draw(len(names), seed))
        else:
            assert index.remove(names) == true.remove(names)
    queries = draw(3, 99)
    for opened in (index, Faiss(**params).open(str(index.store.folder))):
        assert len(opened) == len(true)
        assert listed(opened.within(queries, 4)) == listed(true.within(queries, 4))
        found, truth = opened.search(queries, k), true.search(queries, k)
        everything = listed(true.search(queries, len(true) or 1))
        for got, expected, whole in zip(listed(found), listed(truth), everything, strict=True):
            assert len(got) == len(expected)
            assert got == [hit for hit in whole if hit in got], "true distances, in the order of addition, none twice"
        if index.exact:
            assert listed(found) == listed(truth)


@pytest.mark.parametrize("params", KINDS)
def test_faiss_is_asked_and_finds_most_of_a_large_index(params, tmp_path, monkeypatch):
    codes = draw(2000)
    index = Faiss(**params).create(str(tmp_path / "index"), CONTENT)
    index.add([str(i) for i in range(len(codes))], codes)
    monkeypatch.setattr(Faiss, "scan", lambda self, queries, *_: [[] for _ in queries])
    found = index.search(codes[:50], 1)
    assert sum(len(hits.ids) > 0 and hits.distances[0] == 0 for hits in found) >= 25


@pytest.mark.parametrize("bits", [1, 7, 8, 20, 64, 100])
def test_any_number_of_bits_is_padded_to_bytes(tmp_path, bits):
    rng = np.random.default_rng(0)
    codes = np.packbits(rng.integers(0, 2, (100, bits)), axis=1, bitorder="little")
    for params in ({"kind": "flat"}, {"kind": "ivf"}, {"kind": "hnsw"}, {"kind": "hash", "nhash": 1}):
        index = Faiss(**params).create(str(tmp_path / params["kind"]), Content(bits, "image"))
        index.add([str(i) for i in range(100)], codes)
        _, distance = nearest(codes[:5], codes, bits, 100)
        assert [hits.distances.tolist() for hits in index.search(codes[:5], 200)] == distance.tolist()


def test_few_new_codes_do_not_write_the_file_of_faiss_again_and_many_do(tmp_path):
    index = Faiss(kind="hnsw").create(str(tmp_path / "index"), CONTENT)
    index.add([str(i) for i in range(800)], draw(800))
    first = index.store.files["faiss"].filename
    index.add([f"new {i}" for i in range(100)], draw(100, 1))
    assert index.store.files["faiss"].filename == first
    assert index.search(draw(100, 1)[7:8], 1)[0].distances.tolist() == [0]
    index.add(["one more"], draw(1, 2))
    assert index.store.files["faiss"].filename != first
    assert index._known().count == 901


def test_codes_that_faiss_does_not_know_yet_are_found_with_the_others(tmp_path):
    codes, ids = draw(900), [str(i) for i in range(900)]
    index = Faiss().create(str(tmp_path / "index"), CONTENT)
    index.add(ids[:800], codes[:800])
    index.add(ids[800:890], codes[800:890])
    index.add(ids[890:], codes[890:])
    assert index._known().count == 800
    assert index.remove(["0", "799", "800", "895"]) == 4
    kept = [i for i in range(900) if i not in (0, 799, 800, 895)]
    expected = InMemory(Codes(codes[kept], 12, [ids[i] for i in kept], "image"))
    everything = listed(expected.search(codes[780:], 900))
    assert listed(index.search(codes[780:], 900)) == everything
    near = [[hit for hit in hits if hit[2] <= 3] for hits in everything]
    assert listed(index.within(codes[780:], 3)) == near
    assert listed(index.search(codes[780:], 5)) == [hits[:5] for hits in everything]


def test_removed_codes_are_passed_over_until_they_are_most(tmp_path):
    index = Faiss().create(str(tmp_path / "index"), CONTENT)
    index.add([str(i) for i in range(100)], draw(100))
    first = index.store.files["faiss"].filename
    index.remove([str(i) for i in range(50)])
    assert index.store.files["faiss"].filename == first
    assert set(index.search(draw(1), 100)[0].ids.tolist()) == {str(i) for i in range(50, 100)}
    index.remove(["50"])
    assert index.store.files["faiss"].filename != first
    assert "there" not in index.store.files
    index.remove([str(i) for i in range(100)])
    assert not index.store.files
    assert len(index.search(draw(1), 3)[0].ids) == 0


def test_the_lists_grow_with_the_index(tmp_path):
    index = Faiss(kind="ivf").create(str(tmp_path / "index"), CONTENT)
    lists = []
    for i in range(10):
        index.add([f"{i} {j}" for j in range(100)], draw(100, i))
        lists.append(index._known().index.nlist)
    assert lists == [40] * 4 + [int(4 * 500**0.5)] * 6


def test_a_reader_goes_on_with_what_it_opened(tmp_path):
    where = str(tmp_path / "index")
    index = Faiss().create(where, CONTENT)
    index.add(["a", "b"], draw(2))
    reader = Faiss().open(where)
    index.add(["c", "d"], draw(2, 1))
    index.remove(["a"])
    assert sorted(reader.search(draw(1), 9)[0].ids.tolist()) == ["a", "b"]
    assert sorted(Faiss().open(where).search(draw(1), 9)[0].ids.tolist()) == ["b", "c", "d"]


def test_one_who_writes_starts_from_what_others_have_written(tmp_path):
    where = str(tmp_path / "index")
    one = Faiss().create(where, CONTENT)
    two = Faiss().open(where)
    one.add(["a", "b"], draw(2))
    two.add(["c", "a"], draw(2, 1))
    one.remove(["b"])
    expected = InMemory(Codes(draw(2, 1), 12, ["c", "a"], "image"))
    for index in (one, Faiss().open(where)):
        assert listed(index.search(draw(1), 5)) == listed(expected.search(draw(1), 5))


@pytest.mark.parametrize("fails", ["write_json", "replacing"])
def test_a_write_that_fails_leaves_the_old_index(tmp_path, monkeypatch, fails):
    where = str(tmp_path / "index")
    index = Faiss().create(where, CONTENT)
    index.add(["a", "b"], draw(2))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, fails, full)
    for change in (lambda: index.add(["c", "a"], draw(2, 1)), lambda: index.remove(["a"])):
        with pytest.raises(CodesError, match=r"No space left on device.*; the index is as it was before"):
            change()
        for opened in (index, Faiss().open(where)):
            assert sorted(opened.search(draw(1), 9)[0].ids.tolist()) == ["a", "b"]
    monkeypatch.undo()
    index.add(["c"], draw(1, 1))
    assert sorted(Faiss().open(where).search(draw(1), 9)[0].ids.tolist()) == ["a", "b", "c"]


@pytest.mark.parametrize("damage", ["cut", "noise", "other"])
def test_a_damaged_file_of_faiss_is_named(tmp_path, damage):
    where = tmp_path / "index"
    index = Faiss().create(str(where), CONTENT)
    index.add(["a", "b"], draw(2))
    file = Path(index.store.files["faiss"].filename)
    if damage == "other":
        (longer := Faiss().create(str(tmp_path / "longer"), CONTENT)).add(["a", "b", "c"], draw(3))
        file.write_bytes(longer.store.files["faiss"].tobytes())
    else:
        file.write_bytes(file.read_bytes()[:-3] if damage == "cut" else b"noise" * 20)
    with pytest.raises(CodesError, match=r"is damaged .*build"):
        Faiss().open(str(where)).search(draw(1), 1)


def test_without_faiss_the_way_to_it_is_said(tmp_path, monkeypatch):
    index = Faiss().create(str(tmp_path / "index"), CONTENT)
    real = importlib.import_module

    def missing(name):
        if name == "faiss":
            raise ModuleNotFoundError(name)
        return real(name)

    monkeypatch.setattr(engine.importlib, "import_module", missing)
    for call in (lambda: Faiss().create(str(tmp_path / "new"), CONTENT), lambda: index.open(str(tmp_path / "index"))):
        with pytest.raises(CodesError, match=r"needs faiss; install it: pip install 'crossmodal-hash\[faiss\]'"):
            call()
    assert not (tmp_path / "new").exists()


def test_values_that_cannot_be_are_refused(tmp_path):
    for params, message in [
        ({"kind": "flatt"}, "did you mean 'flat'"),
        ({"nlist": 0}, "nlist is 0; use 1 or more"),
        ({"m": 1}, "m is 1; use 2 or more"),
        ({"nflip": -1}, "nflip is -1; use 0 or more"),
    ]:
        with pytest.raises(SettingsError, match=message):
            Faiss(**params)
    with pytest.raises(CodesError, match="4 hash tables of 4 bits need more than the 12 bits"):
        Faiss(kind="hash", b=4).create(str(tmp_path / "index"), CONTENT)
    assert not (tmp_path / "index").exists()


def test_the_parameters_are_those_of_the_index(tmp_path):
    where = tmp_path / "index"
    codes = Codes(draw(50), 12, np.arange(50), "image")
    create_index(str(where), codes, read_engine("faiss,kind=ivf,nprobe=3,nlist=5")).add(
        codes.ids.tolist(), codes.packed
    )
    opened = open_index(str(where))
    assert (opened.kind, opened.nprobe, opened._known().index.nlist, opened._known().index.nprobe) == ("ivf", 3, 5, 3)
    assert json.loads((where / "index.json").read_text())["content"]["engine"]["name"] == "faiss"


def test_a_search_may_look_at_more_or_less_than_it_was_built_to(tmp_path):
    where, codes = str(tmp_path / "index"), Codes(draw(600), 12, np.arange(600), "image")
    create_index(where, codes, read_engine("faiss,kind=ivf,nlist=60,nprobe=1")).add(codes.ids.tolist(), codes.packed)
    queries = draw(40, seed=1)

    def distances(index):
        return [hits.distances.tolist() for hits in index.search(queries, 9)]

    assert distances(open_index(where)) != distances(InMemory(codes))
    assert distances(open_index(where, read_engine("faiss,kind=ivf,nprobe=60"))) == distances(InMemory(codes))
    assert open_index(where).nprobe == 1, "a search changed the index"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("scan", "was built by the engine faiss, not scan"),
        (
            "faiss,nlist=3,kind=flat",
            "nlist, kind of .* cannot be changed by a search, which takes nprobe; build another",
        ),
        ("faiss,nprobe=0", "nprobe is 0; use 1 or more"),
        ("faiss,nprobe=x", "nprobe"),
        ("faiss,probes=3", "probes"),
    ],
)
def test_what_a_search_cannot_change_is_refused(tmp_path, asked, message):
    where, codes = str(tmp_path / "index"), Codes(draw(50), 12, np.arange(50), "image")
    create_index(where, codes, read_engine("faiss,kind=ivf,nlist=5")).add(codes.ids.tolist(), codes.packed)
    with pytest.raises(SettingsError, match=message):
        open_index(where, read_engine(asked))


def test_an_engine_without_parameters_of_a_search_says_so(tmp_path):
    where, codes = str(tmp_path / "index"), Codes(draw(50), 12, np.arange(50), "image")
    create_index(where, codes, read_engine("faiss"))
    with pytest.raises(
        SettingsError, match=r"nprobe of .* cannot be changed by a search, which takes no parameter here"
    ):
        open_index(where, read_engine("faiss,nprobe=3"))
