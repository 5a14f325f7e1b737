"""The index `pgvector`, on a real server."""

import itertools
import json
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import Codes, distances, pack, save, unpack
from crossmodal_hash.engines import pgvector
from crossmodal_hash.engines.engine import Content
from crossmodal_hash.engines.in_memory import InMemory
from crossmodal_hash.engines.pgvector import Pgvector, to_packed, to_text
from crossmodal_hash.errors import CodesError, SettingsError
from crossmodal_hash.testing.common import Subject, judge
from crossmodal_hash.testing.engine import RULES

CONTENT = Content(20, "image", "abc", {"name": "pgvector"})
NAMES = (f"t{i}" for i in itertools.count())


def draw(n, seed=0, bits=20):
    return pack(np.random.default_rng(seed).standard_normal((n, bits)))


@pytest.fixture(scope="module")
def base(postgres):
    return postgres.address("codes")


@pytest.fixture
def where(base):
    return f"{base}#{next(NAMES)}"


@given(st.integers(1, 80), st.integers(0, 5), st.integers(0, 99))
def test_bit_j_is_the_character_j(bits, n, seed):
    packed = draw(n, seed, bits)
    texts = to_text(packed, bits)
    assert texts == ["".join("1" if bit == 1 else "0" for bit in code) for code in unpack(packed, bits)]
    assert np.array_equal(to_packed(texts, bits), packed)


@pytest.mark.parametrize("params", [{}, {"index": "hnsw", "m": 8, "ef_construction": 32}])
def test_it_keeps_the_rules_of_engines(base, params):
    class Here(Pgvector):
        @classmethod
        def example(cls, folder):
            return f"{base}#{next(NAMES)}"

    for finding in judge(Subject(Here, params), RULES):
        assert finding.ok, finding
        assert not finding.observation.startswith("not tried")


def test_the_database_counts_the_same_bits(postgres, where):
    with Pgvector().create(where, CONTENT) as index:
        index.add(["a", "b"], draw(2))
        (row,) = index._opened.execute(f"SELECT code <~> repeat('0', 20)::bit(20) FROM {index.table} WHERE item = 'a'")
    assert row[0] == distances(draw(2)[:1], np.zeros((1, 3), np.uint8), 20)[0, 0]


def test_names_of_tables_are_names_whatever_they_hold(base):
    precious = Pgvector().create(f"{base}#precious", CONTENT)
    precious.add(["a"], draw(1))
    for name in ['x"; DROP TABLE precious; --', "a%sb", "a b.c", "ünï'", "{table}", "n" * 63, "select"]:
        with Pgvector().create(f"{base}#{name}", CONTENT) as index:
            index.add(["a", "b"], draw(2))
            index.add(["b"], draw(1))
            assert len(index.search(draw(1), 5)[0].ids) == 2
            assert index.remove(["a"]) == 1
        with Pgvector().open(f"{base}#{name}") as index:
            assert (len(index), len(index.within(draw(1), 20)[0].ids)) == (1, 1)
            assert index.codes_of("b").tolist() == draw(1).tolist()
    assert len(precious) == 1
    precious.close()
    with pytest.raises(CodesError, match="at most 63 bytes"):
        Pgvector().create(f"{base}#{'n' * 64}", CONTENT)


def test_ids_come_back_as_they_were(where):
    ids = ["", "'", '"', "\\", "\\.", "\\N", "a\tb\nc\r", "é\U0001f34e", "%s", "{}", "a, b", "NULL", "x" * 2_600]
    with Pgvector().create(where, CONTENT) as index:
        index.add(ids, draw(len(ids)))
        assert sorted(index.search(draw(1), 99)[0].ids.tolist()) == sorted(ids)
        for item, code in zip(ids, draw(len(ids)), strict=True):
            assert index.codes_of(item).tolist() == [code.tolist()]
        for item, message in [("a\0", "not Unicode"), ("\udc80", "not Unicode"), ("y" * 2_601, "2,601 bytes")]:
            with pytest.raises(CodesError, match=message):
                index.add(["new", item], draw(2))
            assert index.remove([item]) == 0
            assert len(index.codes_of(item)) == 0
        assert index.remove(ids) == len(ids)
        assert len(index) == 0


def test_random_ids_as_long_as_allowed_fit_into_the_index_of_the_table(where):
    rng = np.random.default_rng(0)
    item = "".join(map(chr, rng.integers(33, 127, pgvector.ID_BYTES)))
    with Pgvector().create(where, CONTENT) as index:
        index.add([item], draw(1))
        assert len(index.codes_of(item)) == 1


def test_a_graph_finds_k_after_most_codes_were_removed_and_more_than_it_can_look_at(where):
    ids, codes = [str(i) for i in range(3_000)], draw(3_000, bits=32)
    with Pgvector(index="hnsw", ef_search=20).create(where, Content(32, "image", None)) as index:
        index.add(ids, codes)
        with index._transaction() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN SELECT item FROM {index.table} ORDER BY code <~> repeat('0', 32)::bit(32) LIMIT 5")
            assert "_code_idx" in str(cursor.fetchall())
        assert index.remove(ids[:2_900]) == 2_900
        for k in (10, 90, 100, 1_500):
            (hits,) = index.search(codes[:1], k)
            truth = np.sort(distances(codes[:1], codes[2_900:], 32)[0])[:k]
            assert len(hits.ids) == min(k, 100)
            assert np.mean(hits.distances <= truth[-1]) > 0.8


def test_what_is_not_an_index_is_refused(postgres, base):
    address = postgres.address("others")
    with Pgvector().create(f"{address}#mine", CONTENT) as index:
        for statement in (
            "CREATE TABLE plain (code bit(20))",
            "CREATE TABLE remark (code bit(20)); COMMENT ON TABLE remark IS 'codes of 2019'",
            'CREATE TABLE future (); COMMENT ON TABLE future IS \'{"format": "crossmodal_hash.index", "version": 2, '
            '"content": {"bits": 20, "modality": "image"}}\'',
            "CREATE TABLE changed AS SELECT item, number, position, code::text FROM mine",
        ):
            index._opened.execute(statement)
        comment = index._opened.execute("SELECT obj_description('mine'::regclass)").fetchone()[0]
        index._opened.execute(f"COMMENT ON TABLE changed IS '{comment}'")
    for name, said in [("plain", "does not say"), ("remark", "does not say"), ("future", "index 2, and this program"),
                       ("changed", "'code' is text")]:  # fmt: skip
        with pytest.raises(CodesError, match=f"is not an index of this program: .*{said}"):
            Pgvector().open(f"{address}#{name}")
        with pytest.raises(CodesError, match="already holds the table"):
            Pgvector().create(f"{address}#{name}", CONTENT)
    with pytest.raises(CodesError, match="has no table nothing; build it"):
        Pgvector().open(f"{address}#nothing")


def test_a_table_that_was_changed_by_others_is_said_in_a_sentence(where):
    with Pgvector().create(where, CONTENT) as index:
        index._opened.execute(f"ALTER TABLE {index.table} DROP COLUMN number CASCADE")
        with pytest.raises(CodesError, match=r"refuses what was asked .* \(column \"number\".*; nothing was changed"):
            index.add(["a"], draw(1))
        index._opened.execute(f"DROP TABLE {index.table}")
        with pytest.raises(CodesError, match="does not exist"):
            index.search(draw(1), 1)


def test_servers_that_cannot_be_used_are_said_in_a_sentence(postgres, base, monkeypatch):
    with pytest.raises(CodesError, match=r"cannot connect to .*refused.* check the address, that it runs"):
        Pgvector().open("postgresql://tester@127.0.0.1:1/codes")
    with pytest.raises(CodesError, match="cannot connect"):
        Pgvector().open(f"{postgres.base}/codes?nonsense=1")
    with pytest.raises(CodesError, match='database "nowhere" does not exist'):
        Pgvector().open(f"{postgres.base}/nowhere")
    monkeypatch.setenv("PGPASSWORD", "wrong hunter2")
    with pytest.raises(CodesError, match=r"password authentication failed.*PGPASSWORD or ~/\.pgpass") as caught:
        Pgvector().open(base)
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(CodesError, match=r"needs psycopg; install it: pip install 'crossmodal-hash\[pgvector\]'"):
        Pgvector().open(base)


def test_a_database_without_the_extension_says_who_can_add_it(postgres, monkeypatch):
    address = postgres.address("bare")
    postgres.run("CREATE ROLE poor LOGIN PASSWORD 'poor'")
    monkeypatch.setenv("PGPASSWORD", "poor")
    with pytest.raises(CodesError, match=r"needs the extension vector, 0\.7 or later.*CREATE EXTENSION vector"):
        Pgvector().create(address.replace("tester", "poor"), CONTENT)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"index": "ivf"}, "is not one of exact, hnsw"),
        ({"m": 1}, "m=1 is not between 2 and 100"),
        ({"m": 40}, "ef_construction=64 is not between 80 and 1000"),
        ({"ef_search": 0}, "ef_search=0"),
    ],
)
def test_parameters_are_checked(params, message):
    with pytest.raises(SettingsError, match=message):
        Pgvector(**params)


class Late(Sequence):
    """Ids of which one cannot be had: what was sent before it is with the server by then."""

    def __init__(self, ids, meanwhile):
        self.ids, self.meanwhile = ids, meanwhile

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, at):
        if isinstance(at, slice) and at.start == 100:
            self.meanwhile()
        return self.ids[at]


def found(index):
    return sorted(index.within(draw(1), 20)[0].ids.tolist())


def test_an_addition_that_is_interrupted_leaves_what_was_there_and_can_be_repeated(postgres, where, monkeypatch):
    monkeypatch.setattr(pgvector, "BLOCK", 100)
    index = Pgvector().create(where, CONTENT)
    index.add(["old", "0"], draw(2))
    ids, codes = [str(i) for i in range(300)], draw(300)

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.add(Late(ids, stop), codes)
    assert found(index) == ["0", "old"]
    with pytest.raises(CodesError, match=r"connection to postgresql://tester@.* was lost .*run the same command again"):
        index.add(Late(ids, postgres.stop), codes)
    with pytest.raises(CodesError, match="cannot connect"):
        len(index)
    postgres.start()
    assert found(index) == ["0", "old"]
    index.add(ids, codes)
    index.add(ids, codes)
    assert found(index) == sorted([*ids, "old"])
    index.close()


def test_two_that_write_at_once_wait_for_each_other(where):
    first, second = Pgvector().create(where, CONTENT), Pgvector().open(where)
    with first._transaction() as cursor:
        cursor.execute(first._sql("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
        assert len(second) == 0, "whoever reads does not wait"
        second._opened.execute("SET lock_timeout = '50ms'")
        with pytest.raises(CodesError, match="lock timeout"):
            second.add(["b"], draw(1))
    second.add(["b"], draw(1))
    assert len(first) == 1
    first.close()
    second.close()


def test_commands_take_an_address(base, tmp_path, capsys):
    where, file = f"{base}#by commands", str(tmp_path / "codes.safetensors")
    codes = Codes(draw(50), 20, [f"item {i // 2}" for i in range(50)], "image")
    save(file, codes)

    def say(*argv):
        assert main([*argv, "--json"]) == 0
        out, err = capsys.readouterr()
        assert "secret" not in out + err
        return json.loads(out)

    made = say("index", "build", file, "--out", where, "--engine", "pgvector,index=hnsw,m=4,ef_construction=20")
    assert (made["engine"], made["exact"], made["codes"]) == ("pgvector", False, 50)
    assert say("index", "add", where, file) == made
    with Pgvector().open(where) as opened:
        assert opened.config() == {"index": "hnsw", "m": 4, "ef_construction": 20, "ef_search": 100}
    assert say("index", "check", where, file)["recall"] == 1
    asked = say("search", "--queries", file, "--index", where, "-k", "1")
    assert [x["results"][0]["distance"] for x in asked] == [0] * 50
    assert say("index", "remove", where, "item 3")["codes"] == 48
    (hits,) = InMemory(codes).search(codes.packed[:1], 1)
    assert hits.ids.tolist() == ["item 0"]
