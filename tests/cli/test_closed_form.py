"""Closed-form recipes through the commands, on a tiny data set."""

import json

import numpy as np
import pytest
import torch

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load, unpack
from crossmodal_hash.components import CLOSED_FORMS
from crossmodal_hash.opening.recognize import load_data
from crossmodal_hash.runs.folder import open_run
from crossmodal_hash.training import closed_form

METHODS = [name for name in CLOSED_FORMS.builtin if CLOSED_FORMS.resolve(name).sees == "labels"]
SMALL = ["--set", "towers.image.backbone.size=32", "--set", "data.vocabulary.min_count=1", "--set", "train.workers=0"]
QUICK = {
    "seph": ["--set", "closed_form.count=10"],
    "gsph": ["--set", "closed_form.count=10"],
    "cmssh": ["--set", "closed_form.pairs=500"],
}


def train(name, tiny, out, *more):
    sizes = ["--query", "8", "--train", "36", "--bits", "16"]
    return main(
        ["train", "--recipe", name, "--data", str(tiny), "--out", str(out), "-q", *sizes, *SMALL, *QUICK.get(name, []),
         *more]
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny):
    """A finished and encoded run of each method."""
    folder = tmp_path_factory.mktemp("closed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHASH_PLUGINS", "")
        patch.setenv("CHASH_CACHE", str(folder / "cache"))
        for name in METHODS:
            assert train(name, tiny, folder / name) == 0
            assert main(["encode", str(folder / name), "-q"]) == 0
    return folder


@pytest.mark.parametrize("name", METHODS)
def test_a_closed_form_run_is_scored_like_any_other(runs, name, capsys):
    assert main(["evaluate", str(runs / name), "--json", "--real-valued"]) == 0
    rows = json.loads(capsys.readouterr().out)
    across = [row for row in rows if row["direction"] in ("image->text", "text->image") and row["database"] == "all"]
    assert len(across) == 2
    for row in across:
        assert row["expected"] > row["random"] + 0.1
        assert 0 < row["real_valued"] <= 1


def test_what_is_not_used_is_not_shown(runs, capsys):
    assert main(["config", "show", str(runs / "scm"), "--json"]) == 0
    keys = json.loads(capsys.readouterr().out)
    assert keys["closed_form.name"]["value"] == "scm"
    assert keys["closed_form.components.image"] == {"value": 256, "origin": "recipe scm"}
    assert not [key for key in keys if key.startswith(("terms", "train.lr")) or "fusion" in key]
    assert open_run(runs / "scm").settings().closed_form.name == "scm"


def test_seconds_memory_and_one_epoch_of_scores_are_recorded(runs):
    rows = [json.loads(line) for line in (runs / "scm" / "metrics.jsonl").read_text().splitlines()]
    assert {row["epoch"] for row in rows} == {1}
    named = {row["metric"]: row["value"] for row in rows}
    assert named["seconds"] > 0
    assert named["memory/GB"] > 0
    assert "image->text/map@all" in named
    assert not [name for name in named if name.startswith("loss")]


@pytest.mark.parametrize("name", METHODS)
def test_training_items_are_encoded_by_the_fitted_function_and_nothing_else_is_fitted_to(runs, name, tiny):
    run, data = open_run(runs / name), load_data(str(tiny))
    fitting = closed_form.Fitting(run.settings(), data, run.split(data.ids), run.vocabulary(), closed_form.Callback())
    rows = fitting.split.train
    features = {
        name: closed_form.gather(fitting.model.tower(name), stream, rows, torch.device("cpu"))
        for name, stream in fitting.inputs.streams.items()
    }
    assert features["text"].shape == (len(rows), len(run.vocabulary()))
    fitted = fitting.method.fit(features, data.labels[rows], 16, np.random.default_rng(run.settings().seed))
    for modality, function in fitted.items():
        u = function([torch.from_numpy(features[modality]).float()]).features.numpy()
        codes = load(runs / name / "codes" / f"{modality}.safetensors")
        assert (unpack(codes.packed, 16)[rows] == np.where(u >= 0, 1, -1)).all()


def test_new_pictures_and_texts_are_encoded(runs, tiny, tmp_path, capsys):
    (tmp_path / "words.txt").write_text("red thing\nblue stuff\n")
    assert (
        main(["encode", str(runs / "seph"), "--texts", str(tmp_path / "words.txt"), "--out", str(tmp_path / "a")]) == 0
    )
    assert main(["encode", str(runs / "seph"), "--images", str(tiny), "--out", str(tmp_path / "b")]) == 0
    capsys.readouterr()
    assert len(load(tmp_path / "a" / "text.safetensors")) == 2
    again, before = load(tmp_path / "b" / "image.safetensors"), load(runs / "seph" / "codes" / "image.safetensors")
    assert (again.packed == before.packed).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["seph", "gsph"])
def test_unified_codes_are_those_of_database_items_and_every_report_says_so(name, tiny, runs, tmp_path, capsys):
    run = tmp_path / "run"
    assert train(name, tiny, run, "--set", "closed_form.codes=unified") == 0
    assert main(["encode", str(run), "-q"]) == 0
    image, text = (load(run / "codes" / f"{name}.safetensors") for name in ("image", "text"))
    old = load(runs / name / "codes" / "image.safetensors")
    database, query = image.parts["unified"], image.parts["query"]
    assert (database == image.parts["database"]).all()
    assert (image.packed[database] == text.packed[database]).all()
    assert (image.packed[query] == old.packed[query]).all()
    assert "unified" not in old.parts
    capsys.readouterr()
    assert main(["evaluate", str(run)]) == 0
    assert "codes unified: 40 items of the database have one code" in capsys.readouterr().err
    assert main(["evaluate", str(runs / name)]) == 0
    assert "unified" not in capsys.readouterr().err
    page = tmp_path / "page.html"
    assert main(["report", str(run), "--out", str(page), "-q"]) == 0
    text = page.read_text()
    assert f"{name} (" in text
    assert "codes unified" in text


@pytest.mark.parametrize("name", METHODS)
def test_a_killed_fit_is_fitted_again(runs, name, tiny, tmp_path, monkeypatch, capsys):
    cls = CLOSED_FORMS.resolve(name)
    plain = cls.fit

    def killed(self, *args):
        plain(self, *args)
        raise KeyboardInterrupt

    monkeypatch.setattr(cls, "fit", killed)
    assert train(name, tiny, tmp_path / "run") == 130
    assert f"chash train --resume {tmp_path / 'run'}" in capsys.readouterr().err
    monkeypatch.setattr(cls, "fit", plain)
    assert main(["train", "--resume", str(tmp_path / "run"), "-q"]) == 0
    weights = (tmp_path / "run" / "weights.safetensors").read_bytes()
    assert weights == (runs / name / "weights.safetensors").read_bytes()


def test_feature_vectors_take_the_place_of_pictures(tiny, tmp_path, capsys):
    labels = np.eye(3, dtype=np.uint8)[np.arange(40) % 3]
    rows = labels @ np.random.default_rng(0).normal(size=(3, 12)) + np.random.default_rng(1).normal(size=(40, 12))
    np.savez(
        tmp_path / "data.npz", images=rows.astype(np.float32), tags=(rows[:, :6] > 0).astype(np.float32), labels=labels
    )
    argv = ["train", "--recipe", "scm", "--data", str(tmp_path / "data.npz"), "--out", str(tmp_path / "run")]
    assert main([*argv, "--bits", "8"]) == 0, capsys.readouterr().err
    assert open_run(tmp_path / "run").settings().towers["image"].backbone.name == "raw"
    assert main(["encode", str(tmp_path / "run")]) == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--fusion", "bbi"], "recipe scm fits scm in closed form and does not use --fusion bbi"),
        (["--sim", "mmd"], "does not use --sim mmd"),
        (["--loss", "nll"], "does not use --loss nll"),
        (["--epochs", "3"], "does not use --epochs 3"),
        (
            ["--set", "train.lr=0.1"],
            "train.lr = 0.1 (--set) is not used, because scm is fitted in closed form: leave",
        ),
        (["--set", "towers.image.width=8"], "towers.image.width = 8 (--set) is not used"),
        (["--set", "towers.image.lr_factor=2"], "towers.image.lr_factor = 2 (--set) is not used"),
        (["--no-freeze-backbone"], "'scm' always freezes the backbone"),
        (["--set", "closed_form.variant=diagonal"], "closed_form.variant = 'diagonal'"),
        (["--set", "closed_form.ranks=3"], "closed-form 'scm' has no parameter 'ranks'"),
        (["--set", "closed_form=smc"], "unknown closed-form 'smc' (did you mean 'scm'"),
        (["--set", "closed_form.components.text=0"], "components.text=0 must be at least 1"),
        (["--text", "bow-mlp"], "towers.text.backbone = 'bow-mlp' has weights that must be trained"),
        (["--set", "closed_form.variant=orthogonal", "--bits", "64"], "enough for 64 bits; use variant='sequential'"),
    ],
)
def test_what_a_closed_form_has_no_place_for_is_refused_in_one_sentence(more, said, tiny, tmp_path, capsys):
    assert train("scm", tiny, tmp_path / "run", *more) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_terms_beside_a_closed_form_are_refused(tiny, tmp_path, capsys):
    assert main(["train", "--data", str(tiny), "--set", "closed_form=scm", "--out", str(tmp_path / "run")]) == 2
    assert "closed_form = 'scm' is fitted without terms" in capsys.readouterr().err


def test_a_fit_that_needs_more_memory_than_there_is_is_not_begun(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(closed_form, "available_memory", lambda: 50_000)
    assert train("seph", tiny, tmp_path / "run") == 2
    assert "GB are free; use fewer, such as --train" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(closed_form, "available_memory", lambda: None)
    assert train("seph", tiny, tmp_path / "run") == 0


def test_methods_are_listed_with_the_components(capsys):
    assert main(["list", "closed-form"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in CLOSED_FORMS.builtin)
    assert main(["info", "closed-form", "seph"]) == 0
    assert "max_train = 5000" in capsys.readouterr().out
