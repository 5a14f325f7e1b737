"""Items of several texts: the source, native metadata, and tables with one row a caption."""

import json

import numpy as np
import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.components import READERS
from crossmodal_hash.data import Captions, Texts
from crossmodal_hash.data.captions import one_or_several
from crossmodal_hash.data.quality import without_blank
from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data

SAID = {"images/a.png": ["a red bus", "a bus in the rain"], "images/b.jpg": ["a cat"], "images/c.webp": ["it is red"]}


def metadata(folder, rows):
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def folder(contents, write):
    """Three pictures, of which the first has two texts."""
    rows = [{"file_name": name, "texts": texts, "labels": ["x"]} for name, texts in SAID.items()]
    return metadata(write(contents), rows)


def test_a_list_of_texts_belongs_to_its_picture(folder):
    data = load_data(folder)
    source = data.modalities["text"]
    assert isinstance(source, Captions)
    assert (len(source), len(source.every), source.owners.tolist()) == (3, 4, [0, 0, 1, 2])
    assert [source.said(row) for row in range(3)] == [tuple(texts) for texts in SAID.values()]
    assert source.text(0) == "a red bus\na bus in the rain"


def test_data_with_one_text_an_item_are_what_they_were(folder):
    several = load_data(metadata(folder, [{"file_name": n, "texts": t[:1], "labels": ["x"]} for n, t in SAID.items()]))
    one = load_data(metadata(folder, [{"file_name": n, "text": t[0], "labels": ["x"]} for n, t in SAID.items()]))
    assert type(several.modalities["text"]) is Texts
    assert several.fingerprint() == one.fingerprint()


def test_texts_divided_otherwise_are_other_data():
    one, other = one_or_several([["a", "b"], ["c"]]), one_or_several([["a"], ["b", "c"]])
    assert one.every == other.every
    assert one.fingerprint() != other.fingerprint()
    assert one.take([1, 0]).take([1, 0]).fingerprint() == one.fingerprint()
    with pytest.raises(DataError, match="do not divide 3 texts"):
        Captions(one.every, (3, 0))


def test_only_an_item_without_any_text_is_blank(folder):
    rows = [{"file_name": n, "texts": t, "labels": ["x"]} for n, t in SAID.items()]
    rows[0]["texts"], rows[1]["texts"], rows[2]["texts"] = ["  ", "a bus", "a car"], [], [" ", ""]
    metadata(folder, rows)
    with pytest.raises(DataError, match=r"2 of 3 rows of .* have no text \('line 2', 'line 3'\)"):
        load_data(folder)
    data = load_data(folder, need_texts=False)
    assert data.modalities["text"].blank() == [1, 2]
    assert without_blank(data).modalities["text"].said(0) == ("a bus", "a car")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"texts": "a bus"}, "line 1 of .* has texts 'a bus'; give a list of strings"),
        ({"texts": ["a", 3]}, "give a list of strings"),
        ({"texts": ["a"], "text": "b"}, "line 1 of .* has both text and texts"),
        ({"text": ["a", "b"]}, "line 1 of .* has a list as its text; call it texts"),
    ],
)
def test_texts_of_another_form_are_refused(folder, row, message):
    metadata(folder, [{"file_name": "images/a.png", "labels": ["x"], **row}])
    with pytest.raises(DataError, match=message):
        load_data(folder)


def write_rows(folder, suffix, labels="x"):
    rows = [
        (name, text) for text_number in range(2) for name, texts in SAID.items() for text in texts[text_number:][:1]
    ]
    (folder / "metadata.jsonl").unlink()
    if suffix == "csv":
        lines = [f"{name},{text},{labels if n else 'x'}" for n, (name, text) in enumerate(rows)]
        (folder / "metadata.csv").write_text("file_name,text,labels\n" + "\n".join(lines))
        return folder
    said = [{"file_name": name, "text": text, "labels": [labels if n else "x"]} for n, (name, text) in enumerate(rows)]
    return metadata(folder, said)


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_rows_of_one_picture_are_joined_when_asked(folder, suffix):
    whole = load_data(folder)
    write_rows(folder, suffix)
    option = r"join them with --reader native,join=file_name"
    with pytest.raises(DataError, match=rf"1 items of .* have several rows \('images/a.png'\); .*{option}"):
        load_data(folder)
    joined = load_data(folder, reader=READERS.make("native", join="file_name"))
    assert joined.ids == whole.ids
    assert joined.fingerprint() == whole.fingerprint()
    with pytest.raises(DataError, match="join='text' is not the column that names the pictures"):
        load_data(folder, reader=READERS.make("native", join="text"))


def test_rows_of_one_picture_must_agree_in_their_labels(folder):
    write_rows(folder, "csv", labels="y")
    with pytest.raises(DataError, match=r"1 items of .* have rows with different labels \('images/a.png'\)"):
        load_data(folder, reader=READERS.make("native", join="file_name"))


def test_data_check_says_how_many_texts_items_have(folder, capsys):
    main(["data", "check", str(folder), "--json"])
    facts = json.loads(capsys.readouterr().out)["facts"]
    assert (facts["texts"], facts["texts an item"]) == (4, "1 to 2, median 1")
    assert facts["words a text"] == "2 to 5, median 3"


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_convert_writes_the_texts(folder, form, tmp_path, capsys):
    out = tmp_path / ("out" if form == "folder" else "out.zip")
    assert main(["data", "convert", str(folder), str(out), "-q"]) == 0
    assert load_data(out).fingerprint() == load_data(folder).fingerprint()
    if form == "folder":
        rows = [json.loads(line) for line in (out / "metadata.jsonl").read_text().splitlines()]
        assert [sorted(row) for row in rows] == [["file_name", "labels", key] for key in ("texts", "text", "text")]


def test_matrices_cannot_be_written_beside_several_texts(folder, tmp_path):
    from dataclasses import replace

    from crossmodal_hash.data import Matrix
    from crossmodal_hash.data.write import write_native

    data = load_data(folder)
    mixed = replace(data, modalities=data.modalities | {"image": Matrix(np.ones((3, 2), np.float32))})
    with pytest.raises(DataError, match="several texts an item, and beside matrices there is one text a row"):
        write_native(mixed, tmp_path / "out")
