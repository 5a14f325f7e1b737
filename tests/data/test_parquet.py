import json
import pickle
import sys

import pytest
from miniatures import SIZE, labels, parquet, picture, text

from crossmodal_hash.cli.main import main
from crossmodal_hash.components import READERS
from crossmodal_hash.data.readers import parquet as module
from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def named(data, row):
    return [name for name, on in zip(data.label_names, data.labels[row], strict=True) if on]


def embedded(path, rows, *, kind="struct", names=True, **options):
    """A table with the pictures inside, as Hugging Face writes it."""
    cells = [picture(i) for i in rows]
    if kind == "struct":
        cells = [{"bytes": cell, "path": f"{i}.jpg" if names else None} for i, cell in zip(rows, cells, strict=True)]
    columns = {"image": cells, "text": [text(i) for i in rows], "label": [i % 3 for i in rows]}
    feature = {"label": {"names": ["sky", "sea", "sun"], "_type": "ClassLabel"}}
    table = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": feature}})})
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table, path, **options)


def test_a_manifest_names_pictures_beside_it(tmp_path):
    for path in (parquet(tmp_path), tmp_path / "manifest.parquet"):
        data = load_data(path)
        assert data.ids[:2] == ("0.jpg", "1.jpg")
        for row in range(SIZE):
            assert data.modalities["text"].items[row] == text(row)
            assert named(data, row) == labels(row)
            assert data.modalities["image"].content(row) == picture(row)


@pytest.mark.parametrize("kind", ["struct", "bytes"])
def test_pictures_inside_are_read_across_files_and_row_groups(tmp_path, kind):
    embedded(tmp_path / "data" / "train-0.parquet", range(4, 20), kind=kind, row_group_size=5)
    embedded(tmp_path / "data" / "test-0.parquet", range(4), kind=kind)
    data = load_data(tmp_path)
    assert data.ids[:2] == (("0.jpg", "1.jpg") if kind == "struct" else ("0", "1"))
    images = pickle.loads(pickle.dumps(data.modalities["image"]))
    for row in (19, 0, 3, 4, 9, 8, 13):
        assert images.content(row) == picture(row)
        assert named(data, row) == [["sky", "sea", "sun"][row % 3]]
    # Files called train-... and test-... are a division, as on the hub.
    assert data.split_rows["query"].tolist() == [0, 1, 2, 3]
    assert data.split_rows["train"].tolist() == list(range(4, 20))


def test_pictures_inside_without_names_are_called_by_their_row(tmp_path):
    embedded(tmp_path / "x.parquet", range(3), names=False)
    assert load_data(tmp_path).ids == ("0", "1", "2")


def test_columns_can_be_chosen_and_are_missed(tmp_path):
    pq.write_table(pa.table({"Bild": ["0.jpg"], "Satz": ["ein Bus"], "Art": [["Bus"]]}), tmp_path / "x.parquet")
    (tmp_path / "0.jpg").write_bytes(picture(0))
    data = load_data(tmp_path, reader=READERS.make("parquet", image="Bild", text="Satz", labels="Art"))
    assert data.modalities["text"].items == ("ein Bus",)
    with pytest.raises(
        DataError, match="no column for text among Bild, Satz, Art; choose one with --reader parquet,text="
    ):
        load_data(tmp_path)
    with pytest.raises(DataError, match=r"no column 'Sats' for text, only Bild, Satz, Art \(did you mean 'Satz'"):
        load_data(tmp_path, reader=READERS.make("parquet", text="Sats"))


def test_the_columns_taken_and_those_that_are_not_used_are_said(tmp_path, capsys):
    columns = {"Picture": [picture(0), picture(1)], "text": ["a bus", "a bus"], "url": ["x", "y"], "tags": [["b"]] * 2}
    pq.write_table(pa.table(columns), tmp_path / "mine.parquet")
    said = "image is the column 'Picture', text 'text'; there is no column for labels; not used: 'url', 'tags'"
    assert load_data(tmp_path / "mine.parquet", need_labels=False).notes == (said,)
    assert main(["data", "convert", str(tmp_path / "mine.parquet"), str(tmp_path / "out")]) == 0
    assert said in capsys.readouterr().err


def test_lists_called_tags_are_not_taken_for_the_text_where_a_string_could_be_it(tmp_path):
    columns = {"picture": [picture(0)], "beschreibung": ["eine Ziffer"], "tags": [["digit", "odd"]]}
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(
        DataError,
        match=r"mine.parquet' has lists in the column 'tags' and strings in 'beschreibung', so it is not clear which "
        r"is the text; choose with --reader parquet,text=beschreibung, or parquet,text=beschreibung,labels=tags",
    ):
        load_data(path)
    # The name of a column says enough as soon as the other is given.
    for chosen in ({"text": "beschreibung", "labels": "tags"}, {"text": "beschreibung"}, {"text": "tags"}):
        data = load_data(path, reader=READERS.make("parquet", **chosen), need_labels=False)
        assert data.modalities["text"].items == (("digit\nodd",) if chosen["text"] == "tags" else ("eine Ziffer",))
        assert data.label_names == (("digit", "odd") if "labels" in chosen else ())
    # What was given for labels is not the text as well; and tags are, where nothing else is.
    with pytest.raises(DataError, match="no column for text among picture, beschreibung, tags"):
        load_data(path, reader=READERS.make("parquet", labels="tags"))
    pq.write_table(pa.table({"picture": [picture(0)], "tags": [["digit", "odd"]]}), path)
    assert load_data(path, need_labels=False).modalities["text"].items == ("digit\nodd",)


def test_errors_name_the_file(tmp_path):
    pq.write_table(pa.table({"text": ["a"], "image": [b"no picture"]}), tmp_path / "mine.parquet")
    with pytest.raises(DataError, match=r"'mine.parquet' has no labels"):
        load_data(tmp_path / "mine.parquet")
    with pytest.raises(DataError, match=r"cannot decode picture '0' in '.*mine.parquet'"):
        load_data(tmp_path, need_labels=False).modalities["image"].read(0)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": [["a"], ["b"]], "image": [1, 2]}, "column 'image' of .* holds int64; give bytes"),
        ({"text": [1, 2]}, "row 0 of .* has the text 1; give a string"),
        ({"text": ["a", "b"], "labels": [1.5, 2.5]}, "row 0 of .* has the labels 1.5; give names or class numbers"),
        ({"text": ["a", "b"], "file_name": ["0.jpg", None]}, "row 1 of .* names no picture"),
        ({"text": ["a", "b"], "file_name": ["0.jpg", "/etc/passwd"]}, "leads outside"),
        ({"text": ["a", "b"], "image": [b"", None]}, None),
    ],
)
def test_cells_that_cannot_be_used_are_named(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    if message is None:
        with pytest.raises(DataError, match=r"picture '1' in .* is empty"):
            load_data(tmp_path, need_labels=False).modalities["image"].content(1)
        return
    with pytest.raises(DataError, match=message):
        load_data(tmp_path, need_labels=False)


def test_damaged_and_differing_files_are_named(tmp_path):
    parquet(tmp_path)
    (tmp_path / "z.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(DataError, match=r"cannot read manifest.parquet, z.parquet"):
        load_data(tmp_path)
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "z.parquet")
    with pytest.raises(DataError, match=r"'manifest.parquet' and 'z.parquet' differ in their columns"):
        load_data(tmp_path)
    with pytest.raises(DataError, match=r"has no .parquet files"):
        load_data(tmp_path / "0.jpg", reader="parquet")


def test_a_row_group_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    embedded(tmp_path / "x.parquet", range(8))
    data = load_data(tmp_path)
    monkeypatch.setattr(module, "MAX_GROUP", 1000)
    with pytest.raises(DataError, match=r"row group 0 of 'x.parquet' unpacks to .* bytes; write smaller"):
        data.modalities["image"].content(0)


def test_without_pyarrow_the_sentence_names_the_extra(tmp_path, monkeypatch):
    parquet(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match=r"pip install 'crossmodal-hash\[parquet\]'"):
        load_data(tmp_path)
