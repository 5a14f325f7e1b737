"""Asking a run with texts, pictures and codes."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from finished import finished_run
from PIL import Image

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import Codes, load, pack, save, unpack
from crossmodal_hash.data import Captions, Dataset, Matrix, Texts
from crossmodal_hash.opening.open import open_texts
from crossmodal_hash.opening.words import words_of
from crossmodal_hash.runs.folder import Run
from crossmodal_hash.training.encode import encode


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny, small):
    """A run that has learned its three colors."""
    run = tmp_path_factory.mktemp("search") / "run"
    return str(finished_run(run, tiny, "--epochs", "25", "--bits", "16", *small))


def test_a_text_finds_pictures_of_what_it_says(trained, capsys):
    capsys.readouterr()
    assert main(["search", trained, "--text", "red thing", "--text", "blue stuff", "-k", "5", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    codes = load(f"{trained}/codes/image.safetensors")
    assert [answer["query"] for answer in said] == ["red thing", "blue stuff"]
    for answer, color in zip(said, ("red", "blue"), strict=True):
        column = codes.label_names.index(color)
        rows = [codes.ids.tolist().index(near["item"]) for near in answer["results"]]
        assert len(rows) == 5
        assert codes.labels[rows, column].mean() >= 0.8
        distances = [near["distance"] for near in answer["results"]]
        assert distances == sorted(distances)


def test_pictures_are_looked_for_among_texts_and_a_radius_leaves_out_the_rest(trained, tiny, capsys):
    capsys.readouterr()
    assert main(["search", trained, "--images", str(tiny), "-k", "48", "--radius", "3"]) == 0
    out, err = capsys.readouterr()
    columns, *rows = (line.split("\t") for line in out.splitlines())
    assert columns == ["query", "rank", "distance", "item", "text"]
    assert {row[4].split()[0] for row in rows} == {"red", "green", "blue"}
    assert rows[0][0] == "images/00.png"
    assert 0 < len(rows) < 48 * 48
    assert max(int(row[2]) for row in rows) <= 3
    assert "text codes searched: 48, of 16 bits" in err


def test_the_columns_are_the_same_where_nothing_is_found(trained, tmp_path, capsys):
    """Scripts read a table by its first line."""
    Image.new("RGB", (32, 32), (90, 90, 90)).save(tmp_path / "gray.png")
    capsys.readouterr()
    assert main(["search", trained, "--images", str(tmp_path / "gray.png"), "-k", "1", "--json"]) == 0
    nearest = json.loads(capsys.readouterr().out)[0]["results"][0]["distance"]
    assert nearest > 0
    assert main(["search", trained, "--images", str(tmp_path / "gray.png"), "--radius", str(nearest - 1)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["query\trank\tdistance\titem\ttext"]
    assert "1 of 1 queries find nothing" in err


def test_inputs_by_name_are_what_their_short_forms_are(trained, tiny, tmp_path, capsys):
    (tmp_path / "asked.txt").write_text("red thing\nblue stuff\n")
    capsys.readouterr()
    for short, path in (("image", tiny), ("text", tmp_path / "asked.txt")):
        answers = []
        for option in ([f"--{short}s", str(path)], ["--inputs", f"{short}={path}"]):
            assert main(["search", trained, *option, "-k", "3", "--json"]) == 0
            answers.append(json.loads(capsys.readouterr().out))
        assert answers[0] == answers[1]
        assert len(answers[0]) == (48 if short == "image" else 2)


def test_pictures_that_are_found_are_shown_with_their_texts(trained, tiny, capsys):
    with zipfile.ZipFile(tiny) as archive:
        rows = map(json.loads, archive.read("metadata.jsonl").decode().splitlines())
        texts = {row["file_name"]: row["text"] for row in rows}
    capsys.readouterr()
    assert main(["search", trained, "--text", "red thing", "-k", "3"]) == 0
    columns, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert columns == ["query", "rank", "distance", "item", "text"]
    assert [row[4] for row in rows] == [texts[row[3]] for row in rows]


def test_the_nearest_are_ordered_by_the_query_before_the_sign_unless_told(trained, capsys):
    run = Run(Path(trained))
    asked, real = encode(run, open_texts(["red thing", "blue stuff"]))
    items = load(run.codes / "image.safetensors")
    signs, u = unpack(items.packed, items.bits), real["text"]

    def found(*options):
        capsys.readouterr()
        argv = ["search", trained, "--text", "red thing", "--text", "blue stuff", "-k", "7", "--json", *options]
        assert main(argv) == 0
        return [[x["item"] for x in query["results"]] for query in json.loads(capsys.readouterr().out)]

    # At equal values the nearer comes first, and then the earlier.
    values = [[float(u[i] @ signs[items.ids.tolist().index(x)]) for x in row] for i, row in enumerate(found())]
    np.testing.assert_allclose(-np.array(values), np.sort(-(u @ signs.T), axis=1)[:, :7], rtol=1e-5)
    by_distance = np.argsort(-(unpack(asked["text"].packed, items.bits) @ signs.T), axis=1, kind="stable")
    assert found("--rescore", "0") == [items.ids[row[:7]].tolist() for row in by_distance]


def test_a_radius_counts_bits_and_not_values(trained, capsys):
    capsys.readouterr()
    argv = ["search", trained, "--text", "red thing", "-k", "48", "--json"]
    assert main([*argv, "--rescore", "0"]) == 0
    (everything,) = json.loads(capsys.readouterr().out)
    limit = sorted(x["distance"] for x in everything["results"])[5]
    near = {x["item"] for x in everything["results"] if x["distance"] <= limit}
    assert main([*argv, "--radius", str(limit)]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert {x["item"] for x in found["results"]} == near


def test_codes_have_nothing_to_be_ordered_by(trained, capsys):
    path = f"{trained}/codes/image.safetensors"
    assert main(["search", "--queries", path, "--database", path, "--rescore", "9"]) == 2
    assert "--rescore 9 needs the queries before the sign" in capsys.readouterr().err


def test_of_a_picture_with_several_texts_the_first_is_shown():
    captions = Captions(Texts(("a red bus", "it waits", "a cat")), (2, 1))
    dataset = Dataset("data", ["bus", "cat"], {"caption": captions, "view": Matrix(np.zeros((2, 3), np.float32))})
    for modality, codes, shown in [
        ("view", [("cat", 0), ("bus", 0), ("dog", 0)], ["a cat", "a red bus", None]),
        ("caption", [("bus", 0), ("bus", 1), ("bus", 2), ("cat", 0)], ["a red bus", "it waits", None, "a cat"]),
    ]:
        words = words_of(dataset, modality)
        assert [words.of(item, number) for item, number in codes] == shown
    del dataset.modalities["caption"]
    assert words_of(dataset, "view") is None


def test_texts_are_shown_where_the_data_still_have_them(trained, tiny, tmp_path, monkeypatch, capsys):
    short = tmp_path / "short.zip"
    with zipfile.ZipFile(tiny) as archive, zipfile.ZipFile(short, "w") as cut:
        cut.writestr("metadata.jsonl", "\n".join(archive.read("metadata.jsonl").decode().splitlines()[:3]))
    settings = Run(Path(trained)).settings()
    data = settings.data.model_copy(update={"path": str(short), "skip_bad": True})
    moved = settings.model_copy(update={"data": data})
    monkeypatch.setattr(Run, "settings", lambda self: moved)
    assert main(["search", trained, "--images", str(tiny), "-k", "48"]) == 0
    _, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert {row[3] for row in rows if row[4]} == {f"images/{i:02}.png" for i in range(3)}


def test_nothing_within_a_radius_is_said_with_the_nearest(trained, tmp_path, capsys):
    far = Codes(pack(-np.ones((1, 16))), 16, ["far"], "image")
    near = Codes(pack(np.array([[1.0] * 15 + [-1.0]] * 2)), 16, ["a", "b"], "text")
    save(tmp_path / "far.npz", far)
    save(tmp_path / "near.npz", near)
    argv = ["search", "--queries", str(tmp_path / "far.npz"), "--database", str(tmp_path / "near.npz"), "--radius", "9"]
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert out == "query\trank\tdistance\titem\n"
    assert "1 of 1 queries find nothing within 9 bits; what comes nearest is 15 bits away from 'far'" in err


def test_pictures_that_cannot_be_read_are_left_out_when_told_and_named(trained, tiny, tmp_path, capsys):
    with zipfile.ZipFile(tiny) as archive:
        archive.extractall(tmp_path / "data")
    pictures = tmp_path / "data" / "images"
    (pictures / "07.png").write_bytes((pictures / "07.png").read_bytes()[:100])
    for argv in (
        ["encode", trained, "--images", str(pictures), "--out", str(tmp_path / "images")],
        ["encode", trained, "--data", str(tmp_path / "data"), "--out", str(tmp_path / "all")],
        ["search", trained, "--images", str(pictures), "-k", "1"],
    ):
        assert main(argv) == 2
        assert "leave its item out with --skip-bad" in capsys.readouterr().err
        assert main([*argv, "--skip-bad"]) == 0
        said = capsys.readouterr()
        assert "1 of 48 items are left out, because their pictures cannot be read: " in said.err
        assert "07.png'" in said.err
    # The last was a search.
    assert len(said.out.splitlines()) == 1 + 47
    for path in ("images", "all"):
        codes = load(tmp_path / path / "image.safetensors")
        assert len(codes) == 47
        assert not any(name.endswith("07.png") for name in codes.ids.tolist())
    assert main(["encode", trained, "--skip-bad"]) == 2
    assert "--skip-bad is for other data than the run's" in capsys.readouterr().err


def test_a_terminal_shows_the_pictures_that_are_found(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["search", trained, "--text", "red thing", "-k", "3", "--pictures"]) == 0
    shown = capsys.readouterr().out
    assert "picture" in shown
    colors = [tuple(map(int, color)) for color in re.findall(r"38;2;(\d+);(\d+);(\d+)", shown)]
    assert len(colors) >= 3 * 8 * 8
    red, green, blue = np.mean(colors, axis=0)
    assert red > 2 * max(green, blue), "what is shown is not red"
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    for options in (["--pictures"], ["--pictures", "--json"]):
        assert main(["search", trained, "--text", "red thing", *options]) == 2
        assert "--pictures needs a terminal" in capsys.readouterr().err


def test_anyones_codes_need_no_run(tmp_path, capsys):
    database = Codes(pack(np.array([[1.0, 1.0], [-1.0, 1.0]])), 2, ["there", "here"], "image")
    save(tmp_path / "database.npz", database)
    save(tmp_path / "queries.npz", database.select([1]))
    argv = ["search", "--queries", str(tmp_path / "queries.npz"), "--database", str(tmp_path / "database.npz")]
    assert main([*argv, "-q"]) == 0
    out, err = capsys.readouterr()
    assert out == "query\trank\tdistance\titem\nhere\t1\t0\there\nhere\t2\t1\tthere\n"
    assert err == ""


def test_what_cannot_be_asked_is_said_in_a_sentence(trained, tmp_path, capsys):
    other = Codes(pack(np.ones((3, 16))), 16, ["a", "b", "c"], "image", fingerprint="another")
    save(tmp_path / "other.npz", other)
    save(tmp_path / "short.npz", Codes(pack(np.ones((3, 8))), 8, ["a", "b", "c"], "image"))
    for argv, sentence in [
        ([trained], "nothing to look for; give one of --text, --texts, --images, --inputs, --queries"),
        ([trained, "--text", "a", "--images", "b"], "--text and --images exclude each other"),
        ([trained, "--queries", str(tmp_path / "other.npz")], "give --database or --index with them, and no run"),
        ([trained, "--text", "a", "--database", str(tmp_path / "other.npz")], "encode both with one run"),
        ([trained, "--text", "a", "--database", str(tmp_path / "short.npz")], "have 16 bits, but"),
        ([trained, "--text", "a", "-k", "0"], "0"),
        ([trained, "--text", "a", "--text", " "], "--text '' holds no text; give words to look for"),
        ([trained, "--images", str(tmp_path / "no.png")], "does not exist; give a picture, a folder or an archive"),
        ([trained, "--inputs", "text"], "'text' is not NAME=PATH; write image=PATH"),
        ([trained, "--inputs", "texts=a.txt"], "has no modality 'texts' (did you mean 'text'?); it has image, text"),
        ([trained, "--inputs", f"text={tmp_path / 'no.txt'}"], "give a file with one text per line"),
        ([trained, "--inputs", f"image={tmp_path / 'no.png'}"], "does not exist; give a picture"),
        ([str(tmp_path / "none"), "--text", "a"], "does not exist"),
    ]:
        assert main(["search", *argv]) == 2
        said = capsys.readouterr().err
        assert sentence in said
        assert "Traceback" not in said


def test_a_run_without_codes_says_how_to_make_them(tmp_path, tiny, small, capsys):
    run = str(tmp_path / "run")
    assert main(["train", "--data", str(tiny), "--out", run, "--epochs", "1", "--bits", "8", "-q", *small]) == 0
    capsys.readouterr()
    assert main(["search", run, "--text", "red"]) == 2
    assert f"write them with 'chash encode {run}'" in capsys.readouterr().err
