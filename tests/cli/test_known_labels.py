"""`chash encode --known-labels`: whose codes labels make, and how every score says so."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load
from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data
from crossmodal_hash.runs.folder import open_run
from crossmodal_hash.training.encode import encode, from_labels

MODALITIES = ("image", "text")


@pytest.fixture(scope="module")
def known(two_runs, tmp_path_factory):
    """A run with codes from known labels in its folder, and one without."""
    run = tmp_path_factory.mktemp("known") / "known"
    shutil.copytree(two_runs[0], run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHASH_CACHE", str(two_runs[0].parent / "cache"))
        assert main(["encode", str(run), "--known-labels", "-q"]) == 0
    return run, two_runs[0]


def codes_of(run):
    return {name: load(run / "codes" / f"{name}.safetensors") for name in MODALITIES}


def test_items_whose_labels_were_given_share_one_code_and_all_others_keep_theirs(known):
    new, old = map(codes_of, known)
    parts = new["image"].parts
    made = parts["known_labels"]
    assert (made == (parts["train"] | parts["validation"])).all()
    assert not (made & parts["query"]).any()
    assert (new["image"].packed[made] == new["text"].packed[made]).all()
    _, which = np.unique(new["image"].labels[made], axis=0, return_inverse=True)
    assert len(np.unique(new["image"].packed[made], axis=0)) <= which.max() + 1
    for name in MODALITIES:
        assert (new[name].packed[~made] == old[name].packed[~made]).all()
        assert "known_labels" not in old[name].parts


def test_scores_stand_in_rows_of_their_own_and_are_explained(known, capsys):
    for run, database in zip(known, ("known-labels", "all"), strict=True):
        assert main(["evaluate", str(run), "--real-valued", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert {row["database"] for row in rows} == {database, "unseen", "query", "untrained"}
        assert main(["evaluate", str(run)]) == 0
        assert ("codes from known labels: 2" in capsys.readouterr().err) == (database == "known-labels")
    files = [str(known[0] / "codes" / f"{name}.safetensors") for name in MODALITIES]
    assert main(["evaluate", "--codes", files[0], "--codes", files[1], "--json"]) == 0
    assert "known-labels" in capsys.readouterr().out
    assert main(["evaluate", "--queries", files[0], "--database", files[1], "--json"]) == 0
    assert {row["database"] for row in json.loads(capsys.readouterr().out)} == {"known-labels"}


def test_a_comparison_does_not_put_them_beside_strict_ones(known, capsys):
    assert main(["compare", *map(str, known), "--format", "json"]) == 0
    assert {row["database"] for row in json.loads(capsys.readouterr().out)} == {"unseen", "query", "untrained"}


def test_real_values_of_known_labels_are_scored_with_them(known, capsys):
    assert main(["evaluate", str(known[0]), "--real-valued", "--json"]) == 0
    own = {(r["direction"], r["database"]): r["real_valued"] for r in json.loads(capsys.readouterr().out)}
    assert main(["evaluate", str(known[1]), "--real-valued", "--json"]) == 0
    for row in json.loads(capsys.readouterr().out):
        if row["database"] == "all":
            assert own[row["direction"], "known-labels"] != row["real_valued"]
        elif row["database"] == "unseen":
            assert own[row["direction"], "unseen"] == row["real_valued"]


def test_a_report_says_so(known, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["report", str(known[0]), "--out", str(page), "-q"]) == 0
    text = page.read_text()
    assert "codes from known labels" in text
    assert "known-labels" in text
    assert "Precision at N" in text


def test_data_whose_labels_are_not_known_are_refused(known, tiny, tmp_path, capsys):
    (tmp_path / "words.txt").write_text("red thing\n")
    argv = ["encode", str(known[1]), "--known-labels", "--out", str(tmp_path / "out"), "-q"]
    assert main([*argv, "--texts", str(tmp_path / "words.txt")]) == 2
    assert "words has no labels, so none are known; leave --known-labels out" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    run, data = open_run(known[1]), load_data(str(tiny))
    with pytest.raises(DataError, match="all modalities together"):
        encode(run, data, known_labels=True, modalities=["image"])
    with pytest.raises(DataError, match="is other data; leave --known-labels out"):
        encode(run, replace(data, labels=1 - data.labels), known_labels=True)


def test_an_item_without_a_label_keeps_its_own_code():
    generator = np.random.default_rng(0)
    u = {name: generator.uniform(-1, 1, (6, 4)).astype(np.float32) for name in MODALITIES}
    before = {name: values.copy() for name, values in u.items()}
    labels = np.array([[1, 0], [0, 1], [0, 0], [1, 1], [1, 0], [0, 1]], np.uint8)
    train = np.array([1, 1, 1, 1, 0, 0], bool)
    none = np.zeros(6, bool)
    parts = {"train": train, "validation": none, "database": ~none, "query": none, "unified": ~none}
    found = from_labels(u, labels, parts, dict.fromkeys(MODALITIES, np.arange(6)))
    assert found["known_labels"].tolist() == [True, True, False, True, False, False]
    assert (found["unified"] == ~found["known_labels"]).all()
    for name in MODALITIES:
        assert (u[name][[2, 4, 5]] == before[name][[2, 4, 5]]).all()
