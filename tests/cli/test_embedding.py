"""From pictures and texts without labels to an embedding, and from its vectors to codes, by commands."""

import json
from pathlib import Path

import numpy as np
import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load, unpack
from crossmodal_hash.components import CLOSED_FORMS
from crossmodal_hash.runs.folder import open_run

METHODS = [name for name in CLOSED_FORMS.builtin if CLOSED_FORMS.resolve(name).sees == "pairs"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny, small):
    """An embedding of the tiny data set, its vectors, and a run of each method on them."""
    folder = tmp_path_factory.mktemp("embedding")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHASH_PLUGINS", "")
        patch.setenv("CHASH_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        argv = ["train", "--data", str(tiny), "--recipe", "embedding", "--bits", "24", "--epochs", "8", "--out", "run"]
        assert main([*argv, "-q", *small]) == 0
        assert main(["encode", "run", "--vectors", "vectors", "-q"]) == 0
        given = np.load("vectors/matrices.npz")
        np.savez("bare.npz", images=given["XAll"], tags=given["tags"])
        for name in METHODS:
            for out, data in ((name, "vectors"), (f"{name}-bare", "bare.npz")):
                argv = ["train", "--data", data, "--recipe", name, "--split", "vectors/split.json", "--bits", "8"]
                assert main([*argv, "--out", out, "-q"]) == 0
                assert main(["encode", out, "-q"]) == 0
    return folder


def test_vectors_are_the_values_before_the_sign_with_labels_and_split(folder):
    vectors = np.load(folder / "vectors" / "matrices.npz")
    split = json.loads((folder / "vectors" / "split.json").read_text())
    for key, modality in (("XAll", "image"), ("tags", "text")):
        codes = load(folder / "run" / "codes" / f"{modality}.safetensors")
        assert (np.where(vectors[key] >= 0, 1, -1) == unpack(codes.packed, 24)).all()
        assert (vectors["labels"] == codes.labels).all()
        for part in ("query", "train", "validation", "database"):
            assert [int(row) for row in split[part]] == np.flatnonzero(codes.parts[part]).tolist()


@pytest.mark.parametrize("name", METHODS)
def test_labels_make_no_difference_and_the_score_is_that_of_partners(folder, name, capsys):
    with_labels, bare = (open_run(folder / out) for out in (name, f"{name}-bare"))
    assert with_labels.weights.read_bytes() == bare.weights.read_bytes()
    shown = {json.loads(line)["metric"] for line in bare.metrics.read_text().splitlines()}
    assert "image->text/partners/map@all" in shown
    assert main(["evaluate", str(bare.path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["metric"] for row in rows} == {"hit@10"}
    assert all(row["expected"] > row["random"] for row in rows if row["database"] == "untrained")


@pytest.mark.parametrize("name", METHODS)
def test_pictures_and_words_are_not_in_one_space(name, tiny, tmp_path, capsys):
    argv = ["train", "--data", str(tiny), "--recipe", name, "--out", str(tmp_path / "run")]
    assert main([*argv, "--set", "towers.image.backbone.size=32"]) == 2
    said = capsys.readouterr().err
    assert "vectors of all modalities in one space, but their widths differ (image 1280, text " in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_more_bits_than_columns_are_refused(folder, tmp_path, capsys):
    argv = ["train", "--data", str(folder / "vectors"), "--recipe", "itq", "--out", str(tmp_path / "run")]
    assert main([*argv, "--bits", "32"]) == 2
    assert "itq has one bit for each of at most 24 directions" in capsys.readouterr().err


def test_vectors_are_not_written_over_others(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["encode", "run", "--vectors", "vectors"]) == 2
    assert "--vectors vectors already exists; choose another name" in capsys.readouterr().err


def test_several_texts_an_item_are_refused(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    many = folder / "many"
    if not many.exists():
        many.mkdir()
        rows = [{"file_name": f"{i}.png", "texts": [f"red {i}", f"blue {i}"]} for i in range(4)]
        (many / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
        from PIL import Image

        for i in range(4):
            Image.new("RGB", (32, 32), (60 * i, 0, 0)).save(many / f"{i}.png")
    assert main(["encode", str(folder / "run"), "--data", str(many), "--out", "codes", "--vectors", "v", "-q"]) == 2
    assert "8 text codes of 4 items" in capsys.readouterr().err
    assert not Path("codes").exists()
