"""The index `milvus`, in files of the embedded one; with CHASH_TEST_MILVUS=http://HOST:PORT on that server."""

import json
import os
import sqlite3
import sys

import numpy as np
import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import Codes, distances, pack, save
from crossmodal_hash.engines import milvus
from crossmodal_hash.engines.engine import Content
from crossmodal_hash.engines.in_memory import InMemory
from crossmodal_hash.engines.milvus import Milvus
from crossmodal_hash.errors import CodesError, SettingsError
from crossmodal_hash.testing.common import Subject, judge
from crossmodal_hash.testing.engine import RULES

CONTENT = Content(20, "image", "abc", {"name": "milvus"})
SERVER = os.environ.get("CHASH_TEST_MILVUS")
NAMES = iter(range(99))


def draw(n, seed=0, bits=20):
    return pack(np.random.default_rng(seed).standard_normal((n, bits)))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file that stays open, because a new one takes a second."""
    for name in ("pymilvus", "pkg_resources", "milvus_lite"):
        pytest.importorskip(name, reason=f"the embedded Milvus is not installed: {name} is missing")
    path = tmp_path_factory.mktemp("milvus") / "tests.db"
    opened = Milvus().create(f"{path}#first", CONTENT)
    yield path
    opened.close()


@pytest.fixture
def where(request):
    """A new collection."""
    return f"{SERVER or request.getfixturevalue('file')}#t{next(NAMES)}_{os.getpid()}"


@pytest.mark.skipif(not SERVER, reason="CHASH_TEST_MILVUS names no server")
@pytest.mark.parametrize("params", [{}, {"index": "ivf", "nlist": 16, "nprobe": 12}])
def test_a_server_keeps_the_rules_of_engines(params):
    class Here(Milvus):
        @classmethod
        def example(cls, folder):
            return f"{SERVER}#t{next(NAMES)}_{os.getpid()}"

    for finding in judge(Subject(Here, params), RULES):
        assert finding.ok, finding


def test_ties_that_do_not_fit_into_an_answer_are_those_that_were_added_first(where, monkeypatch):
    monkeypatch.setattr(milvus, "WINDOW", 40)
    monkeypatch.setattr(milvus, "SPARE", 2)
    call = Milvus._call

    def latest_first(self, method, **arguments):
        """The embedded one happens to cut ties after those that came first; any others are as right an answer."""
        if method != "search":
            return call(self, method, **arguments)
        limit = arguments.pop("limit")
        found = call(self, method, limit=600, **arguments)
        return [sorted(x, key=lambda hit: (hit["distance"], -hit["entity"]["position"]))[:limit] for x in found]

    monkeypatch.setattr(Milvus, "_call", latest_first)
    bits, codes = 5, draw(600, bits=5)  # some twenty codes each, a hundred or two at a distance
    ids = [str(i) for i in range(600)]
    index = Milvus().create(where, Content(bits, "image"))
    for start in range(0, 600, 200):
        index.add(ids[start : start + 200], codes[start : start + 200])
    truth, queries = InMemory(Codes(codes, bits, ids, "image")), np.arange(0, 32, 7, dtype=np.uint8)[:, None]
    for k in (1, 7, 30, 39):
        for got, expected in zip(index.search(queries, k), truth.search(queries, k), strict=True):
            assert got.ids.tolist() == expected.ids.tolist()
            assert got.distances.tolist() == expected.distances.tolist()
    with pytest.raises(CodesError, match=r"finds 39 items at most, not 40; ask for fewer, or by a radius"):
        index.search(queries, 40)
    for radius in (0, 2, 9):
        for query, got in zip(queries, index.within(queries, radius), strict=True):
            distance = distances(query[None], codes, bits)[0]
            rows = [i for i in np.argsort(distance, kind="stable") if distance[i] <= radius]
            assert got.ids.tolist() == [ids[i] for i in rows]
    assert index.remove(ids[:590]) == 590
    assert [len(hits.ids) for hits in index.search(queries, 1_000)] == [10] * len(queries)
    index.close()


def test_the_limit_of_a_real_answer_is_said_in_a_sentence(where, monkeypatch):
    with Milvus().create(where, CONTENT) as index:
        assert len(index.search(draw(2), 99_999)[1].ids) == 0
        monkeypatch.setattr(Milvus, "__len__", lambda index: 20_000)
        with pytest.raises(CodesError, match="finds 16,383 items at most, not 20,000"):
            index.search(draw(1), 99_999)


def test_ids_come_back_as_they_were(where):
    ids = ["", "'", '"', "\\", '\\"', "' or 1 == 1 or '", '" or pk != "', "a\tb\nc\r", "é\U0001f34e", "x" * 65_535]
    with Milvus().create(where, CONTENT) as index:
        index.add(ids, draw(len(ids)))
        index.add(ids[:2], draw(len(ids))[:2])
        assert sorted(index.search(draw(1), 99)[0].ids.tolist()) == sorted(ids)
        for item, code in zip(ids, draw(len(ids)), strict=True):
            assert index.codes_of(item).tolist() == [code.tolist()]
        for item, message in [("a\0", "not Unicode"), ("\udc80", "not Unicode"), ("y" * 65_536, "65,536 bytes")]:
            with pytest.raises(CodesError, match=message):
                index.add(["new", item], draw(2))
            assert index.remove([item]) == 0
            assert len(index.codes_of(item)) == 0
        with pytest.raises(CodesError, match="an id has 16,384 codes, but here at most 16,383"):
            index.add(["a"] * 16_384, draw(16_384))
        assert index.remove([ids[5], ids[6]]) == 2
        assert len(index) == len(ids) - 2


def test_ids_with_one_key_are_told_apart(where, monkeypatch):
    monkeypatch.setattr(milvus, "_key", lambda item: 7)
    monkeypatch.setattr(milvus, "WINDOW", 3)
    with Milvus().create(where, CONTENT) as index:
        index.add(["a", "b"], draw(2))
        assert index.codes_of("b").tolist() == draw(2)[1:].tolist()
        assert index.remove(["a", "c"]) == 1
        assert len(index) == 1


def test_an_addition_that_is_interrupted_is_completed_by_the_same_again(where, monkeypatch):
    monkeypatch.setattr(milvus, "ROWS", 10)
    index, before, after = Milvus().create(where, CONTENT), draw(40), draw(30, 1)
    index.add([f"item {i // 4}" for i in range(40)], before)  # four codes each
    ids = [f"item {i // 2}" for i in range(30)]  # then two each, and some new ones
    call = Milvus._call

    for method, number in [("upsert", 2), ("delete", 1), ("query", 2)]:
        count = 0

        def fails(self, name, method=method, number=number, **arguments):
            nonlocal count
            count += name == method
            if count == number:
                raise CodesError("the network is away")
            return call(self, name, **arguments)

        monkeypatch.setattr(Milvus, "_call", fails)
        with pytest.raises(CodesError, match="network"):
            index.add(ids, after)
        monkeypatch.setattr(Milvus, "_call", call)
        for i in range(10):
            assert len(index.codes_of(f"item {i}")) >= 2, "nothing is removed before the new codes are there"
    index.add(ids, after)
    truth = InMemory(Codes(after, 20, ids, "image"))
    assert len(index) == 30
    for got, expected in zip(index.search(draw(5, 2), 30), truth.search(draw(5, 2), 30), strict=True):
        assert [x.tolist() for x in got] == [x.tolist() for x in expected]
    index.close()


def test_an_embedded_server_that_ends_is_started_again(file):
    from milvus_lite.server_manager import server_manager_instance

    own = file.with_name("ends.db")
    index = Milvus(timeout=1.0).create(str(own), CONTENT)
    index.add(["a", "b"], draw(2))
    server_manager_instance._servers[str(own)]._p.kill()
    with pytest.raises(CodesError, match="see to that and run the same command again"):
        index.add(["c"], draw(1))
    index.add(["c"], draw(1))
    assert sorted(index.search(draw(1), 9)[0].ids.tolist()) == ["a", "b", "c"]
    index.close()
    assert str(own) not in server_manager_instance._servers


def test_files_and_collections_of_others_are_refused(file, tmp_path, monkeypatch):
    (tmp_path / "notes.db").write_text("mine")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (x)")
    for where, message in [
        (tmp_path / "notes.db", "did not make"),
        (tmp_path / "other.db", "did not make"),
        (tmp_path / "no" / "a.db", "folder of .* does not exist"),
        (tmp_path / "a b.db", "file names of up to 36"),
        (tmp_path / f"{'a' * 34}.db", "file names of up to 36"),
        (f"{file}#a-b", "a collection has a name of up to 255"),
        (f"{file}#1", "a collection has a name of up to 255"),
    ]:
        for call in (Milvus().open, lambda where: Milvus().create(where, CONTENT)):
            with pytest.raises(CodesError, match=message):
                call(str(where))
    with pytest.raises(CodesError, match="has no collection chash; build it"):
        Milvus().open(str(tmp_path / "none.db"))
    with pytest.raises(CodesError, match="has no index=ivf"):
        Milvus(index="ivf").create(str(tmp_path / "none.db"), CONTENT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.db", "other.db"]
    monkeypatch.setattr(milvus, "to_comment", lambda content: "codes of 2019")
    Milvus().create(f"{file}#foreign", CONTENT).close()
    with pytest.raises(CodesError, match="is not an index of this program: it does not say"):
        Milvus().open(f"{file}#foreign")
    with pytest.raises(CodesError, match="already holds foreign"):
        Milvus().create(f"{file}#foreign", CONTENT)


def test_a_server_that_is_not_there_is_said_in_a_sentence_without_the_token(monkeypatch):
    pytest.importorskip("pymilvus", reason="pymilvus is not installed")
    monkeypatch.setenv("MILVUS_TOKEN", "root:hunter2")
    with pytest.raises(CodesError, match=r"cannot open Milvus at http://127.0.0.1:1 .*MILVUS_TOKEN") as caught:
        Milvus(timeout=0.2).open("http://127.0.0.1:1")
    assert "hunter2" not in str(caught.value)


def test_the_token_reaches_the_server(monkeypatch):
    pymilvus = pytest.importorskip("pymilvus", reason="pymilvus is not installed")
    seen = {}

    def client(**arguments):
        seen.update(arguments)
        raise RuntimeError("enough")

    monkeypatch.setattr(pymilvus, "MilvusClient", client)
    monkeypatch.setenv("MILVUS_TOKEN", "root:hunter2")
    with pytest.raises(CodesError, match="enough"):
        Milvus().open("https://host:19530#t")
    assert seen == {"uri": "https://host:19530", "token": "root:hunter2", "timeout": 60.0}


@pytest.mark.parametrize("missing", ["pymilvus", "milvus_lite"])
def test_a_missing_package_is_named(tmp_path, monkeypatch, missing):
    pytest.importorskip("pymilvus", reason="pymilvus is not installed")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(CodesError, match=rf"needs {missing}, .*pip install 'crossmodal-hash\[milvus\]'"):
        Milvus().create(str(tmp_path / "a.db"), CONTENT)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"index": "hnsw"}, "is not one of exact, ivf"),
        ({"nlist": 0}, "nlist=0 is not between 1 and 65536"),
        ({"nlist": 8, "nprobe": 9}, "nprobe=9 is not between 1 and nlist=8"),
        ({"timeout": 0.0}, "timeout=0.0 is not above 0"),
    ],
)
def test_parameters_are_checked(params, message):
    with pytest.raises(SettingsError, match=message):
        Milvus(**params)


def test_commands_take_an_address(where, tmp_path, capsys):
    codes = str(tmp_path / "codes.safetensors")
    save(codes, Codes(draw(50), 20, [f"item {i // 2}" for i in range(50)], "image"))

    def say(*argv):
        assert main([*argv, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    made = say("index", "build", codes, "--out", where)
    assert (made["engine"], made["exact"], made["codes"]) == ("milvus", True, 50)
    assert say("index", "add", where, codes) == made
    assert say("index", "check", where, codes)["recall"] == 1
    asked = say("search", "--queries", codes, "--index", where, "-k", "1")
    assert [x["results"][0]["distance"] for x in asked] == [0] * 50
    assert say("index", "remove", where, "item 3")["codes"] == 48
