import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.data import cut_validation, make_split, read_split, split_from_rows
from crossmodal_hash.errors import DataError, SettingsError

IDS = tuple("abcdefgh")


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_drawn_split_has_the_sizes_asked_for_and_covers_everything(data):
    n = data.draw(st.integers(3, 200))
    query = data.draw(st.integers(1, n - 1))
    train = data.draw(st.integers(1, n - query))
    validation = data.draw(st.integers(0, train - 1))
    seed = data.draw(st.integers(0, 2**40))
    split = make_split(n, query=query, train=train, validation=validation, seed=seed)
    assert (len(split.query), len(split.train), len(split.validation)) == (query, train - validation, validation)
    parts = [set(part.tolist()) for part in (split.query, split.train, split.validation, split.unseen)]
    assert sum(len(part) for part in parts) == n
    assert set.union(*parts) == set(range(n))
    assert set(split.database.tolist()) == set(range(n)) - parts[0]
    assert all((np.diff(part) > 0).all() for part in (split.query, split.train, split.validation, split.database))
    again = make_split(n, query=query, train=train, validation=validation, seed=seed)
    assert again.fingerprint() == split.fingerprint()


@settings(deadline=None, max_examples=25)
@given(st.integers(3, 60_000))
def test_the_default_sizes_follow_the_papers(n):
    split = make_split(n)
    assert len(split.query) == min(2000, max(1, n // 10))
    train = min(10_000, n // 2)
    assert len(split.train) + len(split.validation) == train
    assert len(split.validation) == round(0.1 * train)


def test_another_seed_draws_another_split():
    assert make_split(100, seed=0).fingerprint() != make_split(100, seed=1).fingerprint()


def test_the_queries_do_not_depend_on_how_the_rest_is_used():
    one, other = make_split(100, query=10, train=20), make_split(100, query=10, train=70, validation=0.5)
    assert one.query.tolist() == other.query.tolist()


def test_validation_items_are_a_share_or_a_count():
    assert len(make_split(100, train=40, validation=0.25).validation) == 10
    assert len(make_split(100, train=40, validation=3).validation) == 3
    assert len(make_split(100, train=40, validation=0).validation) == 0


def test_validation_items_can_be_cut_from_a_given_split():
    split = split_from_rows({"query": [0, 1], "train": [2, 3, 4, 5], "database": [2, 3, 4, 5, 6]}, 8)
    cut = cut_validation(split, 0.5, seed=3)
    assert len(cut.validation) == 2
    assert sorted([*cut.train, *cut.validation]) == [2, 3, 4, 5]
    assert cut.unseen.tolist() == split.unseen.tolist() == [6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": 60, "train": 50}, "60 query and 50 training items cannot be drawn from 100"),
        ({"query": 0}, "0 query and 50 training"),
        ({"train": 0}, "10 query and 0 training"),
        ({"query": -5}, "-5 query"),
        ({"train": 10, "validation": 10}, "10 validation items cannot be drawn from 10 training items; use at most 9"),
        ({"validation": -1}, "-1 validation items"),
        ({"validation": 1.0}, r"share 1.0 is not in \[0, 1\)"),
        ({"validation": -0.1}, r"share -0.1"),
        ({"validation": float("nan")}, r"share nan"),
        ({"train": 1, "validation": 0.9}, "1 validation items cannot be drawn from 1"),
        ({"seed": -1}, "seed -1 is negative"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        make_split(100, **arguments)


def test_a_split_written_as_ids_reads_back_the_same(tmp_path):
    split = make_split(8, query=2, train=4, validation=1, seed=5)
    path = tmp_path / "split.json"
    path.write_text(json.dumps(split.as_ids(IDS)))
    assert read_split(path, IDS).fingerprint() == split.fingerprint()


def test_rows_and_ids_may_be_mixed_and_the_database_left_out(tmp_path):
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"query": ["b", 0], "train": [7, "c"]}))
    split = read_split(path, IDS)
    assert split.query.tolist() == [0, 1]
    assert split.train.tolist() == [2, 7]
    assert split.database.tolist() == [2, 3, 4, 5, 6, 7]
    assert split.validation.tolist() == []
    assert split.unseen.tolist() == [3, 4, 5, 6]


BAD = {
    '{"query": ["a"]': "is not JSON",
    "[]": "is not an object of lists",
    '{"query": "a"}': "is not an object of lists",
    '{"query": ["a"], "train": ["b"], "test": []}': "has the part 'test'; the parts are query, train",
    '{"query": ["a"]}': "has no train items",
    '{"query": [], "train": ["b"]}': "has no query items",
    '{"query": ["x", "y", "z", "w"], "train": ["b"]}': r"4 query items .* not among the 8 .*'x', 'y', 'z', \.\.\.",
    '{"query": [8], "train": ["b"]}': r"1 query items .*\('8'\)",
    '{"query": [-1], "train": ["b"]}': r"1 query items .*\('-1'\)",
    '{"query": [true], "train": ["b"]}': r"\('True'\)",
    '{"query": [null, [1]], "train": ["b"]}': r"2 query items",
    '{"query": ["a", 0], "train": ["b"]}': "1 query items .* are repeated",
    '{"query": ["a", "b"], "train": ["b"]}': r"1 items are both query and train \(rows '1'\)",
    '{"query": ["a"], "train": ["b"], "database": ["a", "c"]}': r"1 items are both query and database \(rows '0'\)",
    '{"query": ["a"], "train": ["b"], "validation": ["a"]}': "both query and validation",
    '{"query": ["a"], "train": ["b"], "validation": ["b"]}': "both train and validation",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_split_file_is_answered_with_one_sentence(tmp_path, text):
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(DataError, match=BAD[text]):
        read_split(path, IDS)


def test_a_missing_split_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read the split '.*none.json' \(No such.*\); give a JSON file of ids"):
        read_split(tmp_path / "none.json", IDS)
