"""The owner's three commands on a tiny data set, through `main(argv)`."""

import json
from pathlib import Path

import numpy as np
import pytest
from finished import finished_run

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny, small):
    """One finished and encoded run that several tests read."""
    run = tmp_path_factory.mktemp("trained") / "run"
    return finished_run(run, tiny, "--epochs", "6", "--bits", "16", *small)


def test_train_encode_evaluate_one_after_another(folder, tiny, small, capsys):
    sizes = ["--query", "8", "--train", "36", "--epochs", "30"]
    assert main(["train", "--fusion", "bbi", "--sim", "mmd", "--data", str(tiny), *sizes, *small]) == 0
    out, err = capsys.readouterr()
    run = Path(out.strip())
    assert run.is_dir()
    assert run.name.endswith("-bbi-mmd-64")
    assert "next: chash encode" in err
    assert err.count("epoch ") >= 30

    assert main(["encode"]) == 0
    out, err = capsys.readouterr()
    assert f"run {run}" in err
    assert {line.split("\t")[1] for line in out.splitlines()[1:]} == {"image", "text"}

    assert main(["evaluate", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    directions = [(row["direction"], row["database"]) for row in rows]
    assert directions == [
        (f"{a}->{b}", side)
        for a, b in (("image", "text"), ("text", "image"), ("image", "image"), ("text", "text"))
        for side in ("all", "unseen")
    ] + [(direction, side) for direction in ("image->text", "text->image") for side in ("query", "untrained")]
    for row in rows:
        assert row["expected"] > row["random"] + 0.1 or row["metric"] == "hit@10"
        assert 0 < row["stable"] <= 1
        assert row["queries"] == 8


def test_codes_in_the_way_are_not_written_over(folder, trained, capsys):
    (folder / "texts.txt").write_text("red\n")
    assert main(["encode", str(trained), "--texts", "texts.txt"]) == 0
    (folder / "texts.txt").write_text("blue\ngreen\n")
    assert main(["encode", str(trained), "--texts", "texts.txt"]) == 2
    assert "codes/text.safetensors already exists" in capsys.readouterr().err
    assert len(load("codes/text.safetensors")) == 1
    assert main(["encode", str(trained), "--texts", "texts.txt", "--out", "codes"]) == 0
    assert len(load("codes/text.safetensors")) == 2


def test_a_run_folder_holds_what_the_plan_says(trained):
    names = {path.name for path in trained.iterdir()} - {".lock", "checkpoint"}  # short runs need no checkpoint
    assert names == {
        *("config.json", "environment.json", "model.json", "split.json", "vocabulary.json"),
        *("metrics.jsonl", "weights.safetensors", "frozen.safetensors", "codes"),
    }
    settings = json.loads((trained / "config.json").read_text())["settings"]
    assert settings["bits"] == {"value": 16, "origin": "--bits"}
    assert settings["train.epochs"]["origin"] == "--epochs"
    for line in (trained / "metrics.jsonl").read_text().splitlines():
        assert set(json.loads(line)) == {"epoch", "split", "metric", "value"}


def test_a_fresh_process_gives_the_same_codes(trained, folder):
    before = load(trained / "codes" / "image.safetensors")
    assert main(["encode", str(trained), "--out", "again"]) == 0
    after = load(Path("again") / "image.safetensors")
    assert (before.packed == after.packed).all()
    assert before.fingerprint == after.fingerprint


def test_the_two_modalities_do_not_share_one_buffer(trained):
    image, text = (load(trained / "codes" / f"{name}.safetensors") for name in ("image", "text"))
    assert (image.packed != text.packed).any()
    assert (image.ids == text.ids).all()


def test_codes_know_their_parts_and_they_do_not_overlap(trained):
    parts = load(trained / "codes" / "image.safetensors").parts
    assert not (parts["query"] & parts["database"]).any()
    assert not (parts["train"] & parts["validation"]).any()
    assert (parts["query"] | parts["database"]).all()


def test_a_code_does_not_depend_on_the_others_in_its_batch(trained, folder, tiny):
    import zipfile

    with zipfile.ZipFile(tiny) as archive:
        archive.extract("images/05.png", "alone")
    assert main(["encode", str(trained), "--images", "alone", "--out", "one"]) == 0
    one = load(Path("one") / "image.safetensors")
    all_of_them = load(trained / "codes" / "image.safetensors")
    assert (one.packed[0] == all_of_them.packed[5]).all()


def test_texts_alone_from_a_file_and_from_standard_input(trained, folder, monkeypatch):
    import io

    Path("texts.txt").write_text("red stuff\nblue thing\n")
    assert main(["encode", str(trained), "--texts", "texts.txt", "--out", "file"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("red stuff\nblue thing\n"))
    assert main(["encode", str(trained), "--texts", "-", "--out", "stdin"]) == 0
    first, second = (load(Path(name) / "text.safetensors") for name in ("file", "stdin"))
    assert (first.packed == second.packed).all()
    assert len(first) == 2
    assert first.labels is None


@pytest.mark.parametrize("suffix", ["npy", "mat", "csv"])
def test_codes_come_in_other_formats_and_are_scored_without_a_run(trained, folder, suffix, capsys):
    assert main(["encode", str(trained), "--out", "codes", "--format", f"{suffix},safetensors"]) == 0
    labels = load(trained / "codes" / "image.safetensors").labels
    np.save("labels.npy", labels)
    capsys.readouterr()
    options = ["--labels", "labels.npy"]
    files = [option for name in ("image", "text") for option in ("--codes", f"codes/{name}.{suffix}")]
    if suffix == "npy":
        options += ["--bits", "16"]
    assert main(["evaluate", *files, *options, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["database"] for row in rows] == ["all"] * 4 + ["whole"] * 2
    assert {row["queries"] for row in rows} == {48}


def test_same_seed_same_weights_other_seed_other_weights(folder, tiny, small):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        argv = ["train", "--data", str(tiny), "--out", name, "--epochs", "2", "--seed", str(seed), *small]
        assert main([*argv, "-q"]) == 0
    a, b, c = (Path(name, "weights.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_dry_run_shows_settings_and_writes_nothing(folder, tiny, capsys):
    assert main(["train", "--data", str(tiny), "--dry-run", "--bits", "24", "--json"]) == 0
    settings = json.loads(capsys.readouterr().out)
    assert settings["bits"] == {"value": 24, "origin": "--bits"}
    assert list(folder.iterdir()) == []


def test_matrices_are_trained_on_with_the_feature_backbone(folder, capsys):
    generator = np.random.default_rng(0)
    labels = np.eye(3, dtype=np.uint8)[np.arange(60) % 3]
    noisy = generator.normal(size=(60, 8)) + labels @ generator.normal(size=(3, 8)) * 3
    words = (generator.random((60, 20)) < 0.1) | (labels @ np.eye(3, 20) > 0)
    np.savez("features.npz", XAll=noisy.astype(np.float32), YAll=words.astype(np.uint8), LAll=labels)
    argv = [
        "train",
        "--data",
        "features.npz",
        "--epochs",
        "5",
        "--bits",
        "16",
        "--set",
        "train.batch=8",
        "--out",
        "run",
    ]
    assert main(argv) == 0
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert settings["towers.image.backbone.name"]["value"] == "mlp"
    assert settings["towers.image.backbone.name"]["origin"].startswith("data")
    assert main(["encode", "run"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "run", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["expected"] > rows[0]["random"] + 0.1
    for name, spec in (("image", "features.npz:XAll"), ("text", "features.npz")):
        assert main(["encode", "run", "--inputs", f"{name}={spec}", "--out", "again"]) == 0
        own, again = (load(f"{where}/{name}.safetensors") for where in ("run/codes", "again"))
        assert np.array_equal(own.packed, again.packed)
        assert own.ids.tolist() == again.ids.tolist()
