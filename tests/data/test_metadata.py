import json

import numpy as np
import pytest

from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data


def jsonl(*rows):
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def row(file="images/a.png", text="t", labels=("x",), **more):
    return {"file_name": file, "text": text, "labels": list(labels), **more}


def test_a_folder_with_jsonl_is_read(write, contents):
    data = load_data(write(contents))
    assert (data.name, len(data)) == ("toy", 3)
    assert data.ids == ("images/a.png", "images/b.jpg", "images/c.webp")
    assert data.modalities["text"].items == ("a red bus", "a cat", "nothing known")
    assert data.label_names == ("bus", "cat", "red")
    assert data.labels.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert data.labels.dtype == np.uint8
    assert data.modalities["image"].read(0).getpixel((0, 0)) == (255, 0, 0)


def test_csv_says_the_same_as_jsonl(write, contents):
    lines = "file_name,text,labels\r\nimages/a.png,a red bus,red; bus\r\nimages/b.jpg,a cat,cat\r\n"
    lines += 'images/c.webp,"nothing known",\r\n'
    pictures = {name: content for name, content in contents.items() if name != "metadata.jsonl"}
    with_bom = load_data(write({"metadata.csv": b"\xef\xbb\xbf" + lines.encode(), **pictures}))
    assert with_bom.fingerprint() == load_data(write(contents, "other")).fingerprint()


def test_labels_txt_gives_the_classes_and_their_order(write, contents):
    data = load_data(write(contents | {"labels.txt": b"red\ndog\n\ncat\nbus\n"}))
    assert data.label_names == ("red", "dog", "cat", "bus")
    assert data.labels[0].tolist() == [1, 0, 0, 1]


def test_the_path_of_the_metadata_itself_is_accepted(write, contents):
    folder = write(contents)
    assert load_data(folder / "metadata.jsonl").ids == load_data(str(folder)).ids


def test_columns_nobody_asked_for_and_blank_lines_are_ignored(write, contents):
    lines = jsonl(row(author="someone"), "", row("images/b.jpg", "u"))
    assert len(load_data(write(contents | {"metadata.jsonl": lines}))) == 2


def test_a_text_may_hold_a_unicode_line_separator(write, contents):
    line = json.dumps(row(text="one\u2028two"), ensure_ascii=False).encode() + b"\n"
    assert load_data(write(contents | {"metadata.jsonl": line})).modalities["text"].items == ("one\u2028two",)


def test_data_without_labels_are_read_when_they_are_not_needed(write, contents):
    folder = write(contents | {"metadata.jsonl": jsonl({"file_name": "images/a.png", "text": "t"})})
    data = load_data(folder, need_labels=False)
    assert data.labels is None
    assert data.label_names == ()
    with pytest.raises(DataError, match="no labels column"):
        load_data(folder)


def bad(lines, **more):
    return {"metadata.jsonl": lines} | more


CASES = {
    "not json": (bad(jsonl(row(), "{oops")), "line 2 of .* is not JSON"),
    "deep": (bad(jsonl(row(), "[" * 100_000)), "line 2 of .* is not JSON"),
    "a list": (bad(jsonl("[1]")), "line 1 of .* is not an object"),
    "no file name": (
        bad(jsonl({"text": "t", "labels": []})),
        r"line 1 .* no string 'file_name', only \['labels', 'text'\]",
    ),
    "no text column": (bad(jsonl(row(), {"file_name": "images/a.png", "labels": []})), "line 2 .* no string 'text'"),
    "number as text": (bad(jsonl(row(text=3))), "no string 'text'"),
    "labels as text": (bad(jsonl(row() | {"labels": "x y"})), r"line 1 .* labels 'x y'; give a list of strings"),
    "labels as numbers": (bad(jsonl(row() | {"labels": [1]})), r"line 1 .* labels \[1\]"),
    "labels on some rows": (
        bad(jsonl(row(), {"file_name": "images/b.jpg", "text": "t"})),
        "1 of 2 rows .* line 2.* empty list",
    ),
    "no rows": (bad(b"\n"), "has no rows"),
    "empty text": (bad(jsonl(row(), row("images/b.jpg", " "))), r"1 of 2 rows .* no text \('line 2'\)"),
    "all without labels": (bad(jsonl(row(labels=[]))), "no label on any of its 1 rows"),
    "absent": (
        bad(jsonl(*(row(f"images/{c}.png") for c in "avwxyz"))),
        r"5 of 6 pictures .* are missing \('images/v.png', 'images/w.png', 'images/x.png', ...\)",
    ),
    "twice": (bad(jsonl(row(), row())), r"1 ids of 'toy' are used twice \('images/a.png'\)"),
    "outside": (bad(jsonl(row("../x.png"))), "leads outside"),
    "absolute": (bad(jsonl(row("/x.png"))), "leads outside"),
    "latin": (bad(b'{"text": "\xe9"}'), r"not UTF-8 \(byte 10\)"),
    "label outside": (
        bad(jsonl(row(), row("images/b.jpg", labels=["rivr", "x"])), **{"labels.txt": b"x\nriver\n"}),
        r"1 labels .* not in labels.txt, first 'rivr' \(did you mean 'river'\?\) on line 2; ",
    ),
    "label twice": (bad(jsonl(row()), **{"labels.txt": b"x\nx\n"}), "labels.txt has 'x' twice"),
    "no labels in labels.txt": (bad(jsonl(row()), **{"labels.txt": b"\n"}), "labels.txt is empty"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_jsonl_is_answered_with_one_sentence(write, contents, case):
    changed, message = CASES[case]
    with pytest.raises(DataError, match=message) as error:
        load_data(write(contents | changed))
    assert "\n" not in str(error.value)


CSV_CASES = {
    "file,text\na,b\n": r"no column file_name, only \['file', 'text'\]",
    "file_name,caption,labels\n": "no column text",
    "file_name,text,labels\nimages/a.png,a, b,x\n": "line 2 .* does not have 3 cells",
    "file_name,text,labels\nimages/a.png\n": "line 2 .* does not have 3 cells",
    'file_name,text,labels\nimages/a.png,"open,x\n': "line 1 .* is not CSV",
    "file_name,text\nimages/a.png,t\n": "no labels column; .* separated by ';'",
    "file_name,text,labels\n": "has no rows",
    "": "no column file_name or text",
}


@pytest.mark.parametrize("text", CSV_CASES)
def test_bad_csv_is_answered_with_one_sentence(write, contents, text):
    del contents["metadata.jsonl"]
    with pytest.raises(DataError, match=CSV_CASES[text]):
        load_data(write(contents | {"metadata.csv": text.encode()}))


def test_labels_separated_by_commas_are_not_taken_for_one_class(write, contents):
    del contents["metadata.jsonl"]
    rows = b'file_name,text,labels\nimages/a.png,a red one,"red,circle"\n'
    with pytest.raises(DataError, match="'red,circle'; a csv separates labels by ';'"):
        load_data(write(contents | {"metadata.csv": rows}))


def test_a_csv_that_separates_labels_otherwise_is_told_how_to(write, contents):
    del contents["metadata.jsonl"]
    lines = b"file_name,text,labels\nimages/a.png,t,red|bus\n"
    with pytest.raises(DataError, match=r"'red\|bus'.* on line 2; labels in a csv are separated by ';'"):
        load_data(write(contents | {"metadata.csv": lines, "labels.txt": b"red\nbus\n"}))
