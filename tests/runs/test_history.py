import json

import pytest

from crossmodal_hash.errors import RunError
from crossmodal_hash.runs.best_epoch import kept_scores
from crossmodal_hash.runs.history import (
    EpochRecord,
    append,
    keep_until,
    read_history,
    read_rows,
    training_cost,
)

SCORES = {"image->text/map@all": 0.9, "image->text/unseen/map@all": 0.5}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for epoch, share in ((1, 1.0), (2, 1.5), (3, 0.5)):
        scores = {name: value * share for name, value in SCORES.items()}
        append(path, EpochRecord(epoch, 3, 2.0, 0.25 * epoch, {"hard": 1 / epoch}, scores))
    return path


def test_every_reader_sees_what_was_written_but_for_half_a_last_line(path):
    whole = [history(path) for history in (read_history, training_cost)], kept_scores(path, "best")
    with path.open("a") as file:
        file.write('{"epoch": 4, "split": "validation", "metr')
    assert ([history(path) for history in (read_history, training_cost)], kept_scores(path, "best")) == whole
    assert whole[1] == {"epoch": 2, "scores": {name: 1.5 * value for name, value in SCORES.items()}}
    assert training_cost(path) == {"seconds": 6.0, "memory/GB": 0.75}
    assert read_history(path)[0]["total"] == [(1, 1.0), (2, 1 / 2), (3, 1 / 3)]


def test_going_on_drops_what_comes_after_and_half_a_line(path):
    before = [line for line in path.read_text().splitlines() if json.loads(line)["epoch"] <= 2]
    with path.open("a") as file:
        file.write('{"epoch": 4, "sp')
    keep_until(path, 2)
    assert path.read_text().splitlines() == before
    assert path.read_text().endswith("\n")


@pytest.mark.parametrize(
    "line", ["nonsense", "[1, 2]", '{"epoch": 1}', '{"epoch": "x", "split": "a", "metric": "b", "value": 1}', "\x00"]
)
def test_a_line_that_is_none_of_ours_is_named(path, line):
    count = len(path.read_text().splitlines())
    with path.open("a") as file:
        file.write(line + "\n")
    for use in (read_history, training_cost, lambda path: keep_until(path, 1), lambda path: kept_scores(path, "last")):
        with pytest.raises(RunError, match=f"line {count + 1} of .*metrics.jsonl is not an object with epoch"):
            use(path)


def test_bytes_that_are_no_text_are_a_sentence(tmp_path):
    (tmp_path / "metrics.jsonl").write_bytes(bytes(range(128, 256)))
    with pytest.raises(RunError, match="cannot be read"):
        list(read_rows(tmp_path / "metrics.jsonl"))
    assert list(read_rows(tmp_path / "none")) == []
