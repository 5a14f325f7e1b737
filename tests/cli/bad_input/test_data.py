"""Data that are missing, damaged, or do not fit together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bad_input import QUICK, describe, unpacked

from crossmodal_hash.cli.main import main
from crossmodal_hash.opening.recognize import load_data


@pytest.mark.parametrize("command", ["train", "encode"])
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nothing", None, ["'nothing'", "does not exist"]),
        ("empty/", None, ["'empty' is empty; put pictures and a metadata.jsonl in it"]),
        ("empty.zip", b"PK\x05\x06" + bytes(18), ["'empty.zip' is empty; put pictures"]),
        ("empty.tar", bytes(10240), ["'empty.tar' is empty; put pictures"]),
        ("notes.txt", b"hello", ["'notes.txt'", "not a data set"]),
        ("broken.zip", b"PK\x03\x04 and no more", ["'broken.zip'", "pack it again"]),
        ("broken.tar", b"no tar at all", ["'broken.tar'", "pack it again"]),
        ("broken.mat", b"no matrices", ["broken.mat", "it again"]),
        ("broken.npz", b"no matrices", ["broken.npz", "it again"]),
        ("n" * 300, None, ["name too long"]),
    ],
)
def test_data_that_are_not_there_are_refused(refused, trained, command, name, content, words):
    if name.endswith("/"):
        Path(name).mkdir()
    if content is not None:
        Path(name).write_bytes(content)
    run = [trained] if command == "encode" else []
    refused([command, *run, "--data", name.rstrip("/"), "--out", "out", "-q"], *words)


@pytest.mark.parametrize("reader", ["native", "coco", "flickr", "parquet"])
def test_an_empty_folder_is_called_empty_whatever_it_is_said_to_be(refused, reader):
    Path("empty").mkdir()
    Path("empty/.hidden").touch()
    refused(["train", "--data", "empty", "--reader", reader, "-q"], "'empty' is empty; put pictures")


@pytest.mark.parametrize("option", ["--images", "--inputs"])
def test_an_empty_folder_of_pictures_is_called_empty(refused, trained, option):
    Path("empty").mkdir()
    given = "image=empty" if option == "--inputs" else "empty"
    refused(["encode", trained, option, given, "--out", "out"], "'empty' is empty; put pictures in it (.bmp")


@pytest.mark.parametrize("option", [["--split", "none.json"], ["--query", "500"], ["--sim", "mmd"]])
def test_an_error_before_any_work_comes_without_the_notes(folder, tiny, monkeypatch, capsys, option):
    monkeypatch.setattr(
        "crossmodal_hash.opening.open.load_data", lambda *a, **k: replace(load_data(*a, **k), notes=("!",))
    )
    rows = unpacked(tiny)
    for row in rows:
        del row["labels"]
    describe(rows)
    assert main(["train", "--data", "data", "--out", "out", *option]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("error: ")


def test_notes_are_said_when_there_is_something_else_to_say(tiny, small, capsys):
    rows = unpacked(tiny)
    for row in rows:
        del row["labels"]
    describe(rows)
    assert main(["train", "--data", "data", "--out", "out", "--epochs", "1", "--bits", "8", *small]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("the data has no labels, so the optional terms that need them are left out")


@pytest.mark.parametrize("command", ["train", "encode"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"file_name": "images/99.png"}, ["'images/99.png'", "missing"]),
        ({"file_name": "../secret.png"}, ["'../secret.png'", "outside"]),
        ({"file_name": "images/00.png"}, ["have several rows", "images/00.png"]),
        ({"text": "  "}, ["line 4", "no text"]),
        ({"text": None}, ["line 4", "no text"]),
        ({"labels": "red"}, ["line 4", "'red'", "list of strings"]),
        ({"labels": None}, ["line 4", "no labels entry"]),
    ],
)
def test_a_wrong_row_of_the_metadata_is_refused(refused, tiny, trained, command, change, words):
    rows = unpacked(tiny)
    rows[3] |= change
    describe(rows)
    run = [trained] if command == "encode" else QUICK
    refused([command, *run, "--data", "data", "--out", "out", "-q"], *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["no rows"]),
        ("{", ["line 1", "not JSON"]),
        ("[]", ["line 1", "not an object"]),
    ],
)
def test_metadata_that_are_none_are_refused(refused, content, words):
    Path("metadata.jsonl").write_text(content)
    refused(["train", "--data", "."], *words)


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("file_name,labels", "{},red", ["no column text", "file_name,text,labels"]),
        ("file_name,text,labels", "{},a thing", ["line 2", "3 cells"]),
    ],
)
def test_a_table_without_a_column_is_refused(refused, tiny, header, row, words):
    names = [item["file_name"] for item in unpacked(tiny)]
    Path("data/metadata.jsonl").unlink()
    Path("data/metadata.csv").write_text("\n".join([header, *(row.format(name) for name in names)]))
    refused(["train", "--data", "data", "-q"], *words)


def test_a_label_outside_labels_txt_is_refused(refused, tiny):
    unpacked(tiny)
    Path("data/labels.txt").write_text("red\ngren\nblue\n")
    refused(["train", "--data", "data", "-q"], "'green'", "labels.txt", "did you mean 'gren'")


def test_a_label_never_seen_in_training_is_refused_with_the_way_out(refused, tiny, trained):
    rows = unpacked(tiny)
    rows[5]["labels"] = ["violet"]
    describe(rows)
    refused(["encode", trained, "--data", "data", "-q"], "'violet'", "images/05.png", "--no-labels")
    assert main(["encode", str(trained), "--data", "data", "--no-labels", "-q"]) == 0


@pytest.mark.parametrize(
    ("content", "frozen"),
    [
        (bytes(range(256)), "--freeze-backbone"),
        (None, "--freeze-backbone"),
        (b"", "--no-freeze-backbone"),
        (None, "--no-freeze-backbone"),
    ],
    ids=["random", "truncated", "empty, streamed", "truncated, streamed"],
)
def test_a_damaged_picture_is_named_and_nothing_is_trained(refused, tiny, content, frozen):
    unpacked(tiny)
    picture = Path("data/images/07.png")
    picture.write_bytes(picture.read_bytes()[:-300] if content is None else content)
    # Every picture is trained or validated on but one.
    sizes = ["--query", "1", "--train", "47"]
    refused(["train", "--data", "data", frozen, *sizes, "--out", "run", "-q", *QUICK], "'images/07.png'", "replace")


@pytest.mark.parametrize("content", [bytes(range(256)), None], ids=["random", "truncated"])
def test_a_damaged_picture_is_named_and_no_codes_are_written(refused, tiny, trained, content):
    unpacked(tiny)
    picture = Path("data/images/07.png")
    picture.write_bytes(picture.read_bytes()[:-300] if content is None else content)
    refused(["encode", trained, "--data", "data", "--out", "codes", "-q"], "'images/07.png'", "replace")
    refused(["encode", trained, "--images", picture, "--out", "codes", "-q"], "'07.png'", "replace")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"XAll": np.ones((9, 4)), "YAll": np.ones((10, 3)), "LAll": np.eye(10)}, ["differ in length", "9", "10"]),
        ({"XAll": np.ones((10, 4)), "YAll": np.ones((10, 3)), "LAll": np.zeros((10, 3))}, ["10 items", "label"]),
        ({"XAll": np.ones((10, 4)), "YAll": np.ones((10, 3)), "LAll": np.full((10, 3), 2)}, ["value 2", "0/1"]),
        ({"XAll": np.full((10, 4), np.nan), "YAll": np.ones((10, 3)), "LAll": np.eye(10)}, ["40 values", "NaN"]),
        ({"foo": np.ones((10, 4))}, ["foo"]),
        ({"XAll": np.array([{}]), "YAll": np.ones((10, 3)), "LAll": np.eye(10)}, ["mine.npz"]),
    ],
    ids=["lengths", "no label", "not binary", "nan", "no keys", "objects"],
)
def test_matrices_that_do_not_fit_are_refused(refused, arrays, words):
    np.savez("mine.npz", **arrays)
    refused(["train", "--data", "mine.npz", "-q"], *words)


def test_too_few_items_are_refused(refused, tiny):
    rows = unpacked(tiny)
    for count in (1, 2, 3):
        describe(rows[:count])
        refused(["train", "--data", "data", "-q", *QUICK], "1")
