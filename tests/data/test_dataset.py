import numpy as np
import pytest

from crossmodal_hash.data import Dataset, Matrix, Texts
from crossmodal_hash.errors import DataError


def toy(**changes):
    given = {
        "name": "toy",
        "ids": ("a", "b", "c"),
        "modalities": {"text": Texts(("one", "two", "three")), "image": Matrix(np.eye(3, dtype=np.float32))},
        "labels": np.array([[1, 0], [0, 1], [1, 1]], dtype=np.uint8),
        "label_names": ("x", "y"),
    }
    return Dataset(**given | changes)


def test_taking_rows_takes_them_everywhere():
    part = toy().take(np.array([2, 0]))
    assert part.ids == ("c", "a")
    assert part.modalities["text"].items == ("three", "one")
    assert part.modalities["image"].values.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert part.labels.tolist() == [[1, 1], [1, 0]]


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": ("a", "b", "d")},
        {"labels": np.array([[1, 0], [0, 1], [1, 0]], dtype=np.uint8)},
        {"label_names": ("y", "x")},
        {"labels": None, "label_names": ()},
        {"modalities": {"text": Texts(("one", "two", "three!")), "image": Matrix(np.eye(3, dtype=np.float32))}},
        {"modalities": {"text": Texts(("one", "two", "three")), "image": Matrix(np.eye(3, dtype=np.uint8))}},
        {"modalities": {"text": Texts(("one", "two", "three"))}},
    ],
)
def test_the_fingerprint_changes_with_anything_but_the_name(changes):
    assert toy(**changes).fingerprint() != toy().fingerprint()
    assert toy(name="other").fingerprint() == toy().fingerprint()


def test_parts_of_unequal_length_are_refused():
    with pytest.raises(DataError, match=r"'toy' differ in length \(ids 3, text 2\)"):
        toy(modalities={"text": Texts(("one", "two"))}, labels=None, label_names=())
    with pytest.raises(DataError, match="labels 2"):
        toy(labels=np.zeros((2, 2), dtype=np.uint8))


def test_ids_and_label_names_must_fit():
    with pytest.raises(DataError, match=r"2 ids of 'toy' are used twice \('a', 'a'\)"):
        toy(ids=("a", "a", "a"))
    with pytest.raises(DataError, match="2 label columns but 1 label names"):
        toy(label_names=("x",))


def test_dense_rows_are_floats():
    rows = Matrix(np.array([[1, 2], [3, 4]], dtype=np.uint8)).dense([1])
    assert rows.dtype == np.float32
    assert rows.tolist() == [[3.0, 4.0]]
