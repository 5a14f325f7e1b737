import numpy as np
import pytest

from crossmodal_hash.codes import Codes
from crossmodal_hash.errors import CodesError

PACKED = np.array([[1], [2], [3]], np.uint8)


def make(**changes):
    return Codes(**({"packed": PACKED, "bits": 2, "ids": ["a", "b", "c"], "modality": "image"} | changes))


def test_ids_become_text_and_may_repeat():
    assert make(ids=[7, 7, 8]).ids.tolist() == ["7", "7", "8"]


def test_select_cuts_everything_alike_by_part_mask_or_rows():
    codes = make(labels=np.eye(3), parts={"query": [True, False, True], "train": [False, False, True]})
    for rows in ("query", np.array([True, False, True]), [0, 2]):
        some = codes.select(rows)
        assert some.ids.tolist() == ["a", "c"]
        assert some.packed.tolist() == [[1], [3]]
        assert some.labels.tolist() == [[1, 0, 0], [0, 0, 1]]
        assert some.parts["train"].tolist() == [False, True]
    assert codes.select([2, 0]).ids.tolist() == ["c", "a"]


def test_an_unknown_part_is_answered_with_the_parts_there_are():
    with pytest.raises(CodesError, match=r"'test'.*query"):
        make(parts={"query": np.ones(3, bool)}).select("test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ["a"]}, "3 codes but 1 ids"),
        ({"bits": 9}, "2 columns"),
        ({"packed": np.array([[7], [0], [0]], np.uint8)}, "padding"),
        ({"labels": np.zeros((2, 4))}, "2 rows"),
        ({"labels": np.zeros((4, 3))}, "transposed"),
        ({"labels": np.full((3, 1), 2)}, "row 0, column 0 is 2"),
        ({"labels": np.array([["x"]] * 3)}, "0 and 1"),
        ({"labels": np.eye(3), "label_names": ("one",)}, "1 label names but 3"),
        ({"parts": {"query": np.ones(2, bool)}}, "part 'query'"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(CodesError, match=message):
        make(**changes)


def test_names_of_labels_become_a_tuple():
    assert make(labels=np.eye(3), label_names=["sky", "sea", "dog"]).label_names == ("sky", "sea", "dog")


def test_label_names_without_labels_are_refused():
    with pytest.raises(CodesError, match="2 label names but 0 label columns"):
        make(labels=None, label_names=("cat", "dog"))
