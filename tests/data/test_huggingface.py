import pickle
import sys

import pytest
from miniatures import SIZE, huggingface, labels, picture, text

from crossmodal_hash.components import READERS
from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data

datasets = pytest.importorskip("datasets")


def test_parts_of_a_saved_data_set_are_one_with_its_division(tmp_path):
    data = load_data(huggingface(tmp_path / "saved"))
    assert len(data) == SIZE
    assert data.label_names == ("sky", "sea", "sun")
    images = pickle.loads(pickle.dumps(data.modalities["image"]))
    for row in (0, 7, 15, 16, 23):
        assert data.modalities["text"].items[row] == text(row)
        assert {n for n, on in zip(data.label_names, data.labels[row], strict=True) if on} == set(labels(row))
        assert images.content(row) == picture(row)
    assert data.split_rows["train"].tolist() == list(range(16))
    assert data.split_rows["query"].tolist() == list(range(16, SIZE))


def test_one_table_alone_has_no_division_and_columns_can_be_named(tmp_path):
    table = datasets.Dataset.from_dict(
        {"Bild": [{"bytes": picture(0), "path": None}], "Satz": ["ein Bus"], "Art": ["x"]}
    )
    table.save_to_disk(tmp_path / "saved")
    reader = READERS.make("huggingface", image="Bild", text="Satz", labels="Art")
    data = load_data(tmp_path / "saved", reader=reader)
    assert (data.label_names, data.split_rows) == (("x",), None)
    assert data.modalities["image"].content(0) == picture(0)
    with pytest.raises(DataError, match="no column for text among Bild, Satz, Art"):
        load_data(tmp_path / "saved")


def test_columns_are_said_and_lists_called_tags_are_not_taken_for_the_text(tmp_path):
    columns = {"image": [{"bytes": picture(0), "path": None}], "Satz": ["ein Bus"], "tags": [["Bus"]]}
    datasets.Dataset.from_dict(columns).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=r"strings in 'Satz', .* --reader huggingface,text=Satz, or"):
        load_data(tmp_path / "saved")
    data = load_data(tmp_path / "saved", reader=READERS.make("huggingface", text="Satz", labels="tags"))
    assert data.notes == ("image is the column 'image', text 'Satz', labels 'tags'",)


def test_pictures_that_were_not_embedded_are_named(tmp_path):
    cells = [{"bytes": None, "path": "/somewhere/a.jpg"}, {"bytes": b"", "path": None}]
    datasets.Dataset.from_dict({"image": cells, "text": ["a", "b"]}).save_to_disk(tmp_path / "saved")
    images = load_data(tmp_path / "saved", need_labels=False).modalities["image"]
    with pytest.raises(DataError, match=r"picture '0' .* is an external file"):
        images.content(0)
    with pytest.raises(DataError, match=r"picture '1' .* is empty"):
        images.content(1)


def test_a_folder_that_is_not_one_is_refused(tmp_path):
    folder = huggingface(tmp_path / "saved")
    (folder / "train" / "state.json").write_text("{}")
    with pytest.raises(DataError, match="is not a folder of save_to_disk"):
        load_data(folder)


def test_without_the_library_the_sentence_names_the_extra(tmp_path, monkeypatch):
    folder = huggingface(tmp_path / "saved")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'crossmodal-hash\[hf\]'"):
        load_data(folder)
