import json

import numpy as np
import pytest

from crossmodal_hash.codes import Codes
from crossmodal_hash.errors import DataError
from crossmodal_hash.evaluation import score_pair
from crossmodal_hash.report.result import Record, read_record


def test_a_record_comes_back_from_its_file_as_it_was(record, tmp_path):
    ours = record()
    ours.save(tmp_path / "ours.json")
    again = read_record(tmp_path / "ours.json")
    assert list(again.lines(0.9)) == list(ours.lines(0.9))
    assert (again.name, again.facts) == ("ours", {"recipe": "none"})
    before, after = (r.score("image->text", "all").result for r in (ours, again))
    assert (before.query_ids == after.query_ids).all()
    assert before.curves["pr@radius/micro"].precision == pytest.approx(after.curves["pr@radius/micro"].precision)


def test_a_query_left_out_stays_left_out_in_a_file(tmp_path):
    labels = np.array([[1, 0], [0, 1], [1, 0]])
    queries = Codes(np.zeros((3, 1), np.uint8), 8, ["a", "b", "c"], "image", labels)
    database = Codes(np.zeros((2, 1), np.uint8), 8, ["d", "e"], "text", np.array([[1, 0], [1, 0]]))
    Record("x", [score_pair(queries, database, empty="skip")]).save(tmp_path / "x.json")
    values = read_record(tmp_path / "x.json").scores[0].result.per_query["map@all"]
    assert np.isnan(values).tolist() == [False, True, False]
    assert "NaN" not in (tmp_path / "x.json").read_text()


def test_lines_carry_everything_a_reader_needs(record):
    lines = [line for line in record().lines(0.95) if (line.direction, line.database) == ("image->text", "unseen")]
    assert [line.metric for line in lines] == ["map@all", "P@3", "median-rank"]
    for line in lines:
        assert (line.queries, line.items, line.bits, line.relevant_pairs) == (8, 10, 16, 20)
        assert (line.ties, line.empty, line.ranked_by, line.empty_queries) == ("expected", "zero", "hamming", 0)
    assert lines[0].low <= lines[0].value <= lines[0].high
    assert lines[2].low is None
    assert next(record().lines(None)).low is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[1]", "no saved scores"),
        ('{"format": "crossmodal_hash.scores", "version": 2}', "version 2"),
        ('{"format": "crossmodal_hash.scores", "version": 1, "name": "x", "facts": {}, "scores": [{}]}', "broken"),
    ],
)
def test_a_file_that_is_no_record_is_refused(tmp_path, text, said):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=said):
        read_record(tmp_path / "x.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_record(tmp_path / "missing.json")


def test_a_record_is_plain_json(record, tmp_path):
    record().save(tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text())["format"] == "crossmodal_hash.scores"
