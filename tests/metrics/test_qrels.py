import json

import pytest

from crossmodal_hash.errors import DataError
from crossmodal_hash.metrics import read_qrels

SAME = {"q 1": {"d1": 1, "d2": 2}, "q2": {"d1": 1}}


def test_every_form_says_the_same(tmp_path):
    forms = {
        "a.json": json.dumps({"q 1": {"d1": 1, "d2": 2}, "q2": ["d1"]}),
        "a.tsv": "query-id\tcorpus-id\tscore\nq 1\td1\t1\nq 1\td2\t2\n\nq2\td1\t1\n",
        "a.trec": "q 1\t0\td1\t1\nq 1\t0\td2\t2\nq2\t0\td1\t1\n",
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
        assert read_qrels(tmp_path / name) == SAME, name
    (tmp_path / "blanks.txt").write_text("\ufeffq1 d1\nq1 d2\n", encoding="utf-8")
    assert read_qrels(tmp_path / "blanks.txt") == {"q1": {"d1": 1, "d2": 1}}


def test_a_negative_grade_of_trec_is_not_relevant(tmp_path):
    (tmp_path / "a.txt").write_text("q 0 d -2\n")
    assert read_qrels(tmp_path / "a.txt") == {"q": {"d": 0}}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "[1, 2]", "is a list"),
        ("a.json", '{"q": 3}', "has 3 instead of item ids"),
        ("a.json", '{"q": {"d": 0.5}}', "grade 0.5 is not a whole number"),
        ("a.json", "{", "cannot be read"),
        ("a.json", "{}", "holds no judgments"),
        ("a.tsv", "q\n", "line 1: 1 columns"),
        ("a.tsv", "q\td\t1\nq\te\thigh\n", "line 2: the grade 'high'"),
    ],
)
def test_other_forms_are_refused(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        read_qrels(tmp_path / name)


def test_a_missing_file_and_bytes_that_are_no_text_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"file of judgments .* does not exist"):
        read_qrels(tmp_path / "none.tsv")
    (tmp_path / "a.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        read_qrels(tmp_path / "a.tsv")
