"""Keeping codes in an index, changing it and searching it."""

import json

import numpy as np
import pytest
from finished import finished_run

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import Codes, load, pack, save


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny, small):
    """A run of two epochs that was encoded."""
    run = tmp_path_factory.mktemp("index") / "run"
    return str(finished_run(run, tiny, "--epochs", "2", "--bits", "16", *small))


def say(capsys, *argv):
    """What a command prints as JSON."""
    capsys.readouterr()
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_index_answers_as_the_codes_file_does(trained, tmp_path, capsys):
    where = str(tmp_path / "index")
    made = say(capsys, "index", "build", trained, "--out", where)
    codes = load(f"{trained}/codes/image.safetensors")
    assert made == {"index": where, "engine": "scan", "exact": True, "codes": len(codes), "bits": 16,
                    "modality": "image", "model": codes.fingerprint}  # fmt: skip
    assert say(capsys, "index", "info", where) == made
    for options in (["--text", "red thing", "--text", "blue"], ["--text", "a", "--radius", "5", "--rescore", "0"]):
        assert say(capsys, "search", trained, *options, "--index", where) == say(capsys, "search", trained, *options)
    asked = ["search", "--queries", f"{trained}/codes/text.safetensors"]
    database = ["--database", f"{trained}/codes/image.safetensors"]
    assert say(capsys, *asked, "--index", where) == say(capsys, *asked, *database)


def test_items_are_added_removed_and_checked(trained, tmp_path, capsys):
    where, whole = str(tmp_path / "index"), load(f"{trained}/codes/image.safetensors")
    half, rest = tmp_path / "half.safetensors", tmp_path / "rest.safetensors"
    save(half, whole.select(range(20)))
    save(rest, whole.select(range(15, len(whole))))
    say(capsys, "index", "build", str(half), "--out", where, "--engine", "scan")
    assert main(["index", "check", where, trained]) == 2
    assert f"20 codes in place of {len(whole)}" in capsys.readouterr().err
    assert say(capsys, "index", "add", where, str(rest))["codes"] == len(whole)
    seen = say(capsys, "index", "check", where, trained)
    assert seen == {"expected": len(whole), "there": len(whole), "asked": len(whole), "missing": 0, "wrong": 0,
                    "recall": 1.0}  # fmt: skip
    assert say(capsys, "index", "remove", where, str(whole.ids[3]), "nobody")["codes"] == len(whole) - 1
    main(["index", "remove", where, str(whole.ids[4])])
    assert "codes removed: 1, of 1 ids asked for" in capsys.readouterr().err
    found = say(capsys, "search", trained, "--text", "red", "--index", where, "-k", "100")
    assert {x["item"] for x in found[0]["results"]} == {*whole.ids.tolist()} - {*whole.ids[3:5].tolist()}


def test_texts_of_a_run_are_indexed_by_name_and_captions_are_told_apart(trained, tmp_path, capsys):
    where, images = str(tmp_path / "texts"), f"{trained}/codes/image.safetensors"
    assert say(capsys, "index", "build", trained, "--out", where, "--modality", "text")["modality"] == "text"
    found = say(capsys, "search", "--queries", images, "--index", where)
    assert found == say(capsys, "search", "--queries", images, "--database", f"{trained}/codes/text.safetensors")
    assert say(capsys, "index", "check", where, trained)["missing"] == 0


def test_what_cannot_be_done_is_said_in_a_sentence(trained, tmp_path, capsys):
    where = str(tmp_path / "index")
    assert main(["index", "build", trained, "--out", where, "-q"]) == 0
    rng = np.random.default_rng(0)
    other = Codes(pack(rng.standard_normal((4, 16))), 16, np.arange(4), "image", fingerprint="other")
    short = Codes(pack(rng.standard_normal((4, 8))), 8, np.arange(4), "image")
    save(tmp_path / "other.npz", other)
    save(tmp_path / "short.npz", short)
    capsys.readouterr()
    for argv, sentence in [
        (["index", "build", trained, "--out", where], "already holds something; choose another folder"),
        (["index", "build", trained, "--out", str(tmp_path / "x"), "--engine", "scam"], "did you mean 'scan'"),
        (["index", "build", trained, "--out", str(tmp_path / "x"), "--engine", "scan,a=1"], "'a'"),
        (["index", "build", trained, "--out", "redis://host", "--engine", "scan"], "keeps a folder"),
        (["index", "build", trained, "--out", str(tmp_path / "x"), "--modality", "sound"], "has no sound codes"),
        (["index", "build", str(tmp_path), "--out", str(tmp_path / "x")], "not a run"),
        (["index", "add", where, str(tmp_path / "other.npz")], "of the model other"),
        (["index", "add", where, str(tmp_path / "short.npz")], "have 8 bits"),
        (["index", "info", str(tmp_path / "none")], "is not an index"),
        (["index", "info", trained], "is not an index"),
        (["search", trained, "--text", "a", "--index", str(tmp_path / "none")], "is not an index"),
        (["search", trained, "--text", "a", "--index", where, "--database", "a"], "exclude each other"),
    ]:
        assert main(argv) == 2, argv
        assert sentence in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
