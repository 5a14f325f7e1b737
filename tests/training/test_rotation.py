"""`train.rotate`: what is turned, what is not, and that the scores are those of what is kept."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from vectors import vectors

import crossmodal_hash as ch
from crossmodal_hash.training.inputs import prepare
from crossmodal_hash.training.rotation import last_layers, rotate, towards_corners
from crossmodal_hash.training.validation import validation_scores

CPU = torch.device("cpu")
SETS = ["train.batch=32", "train.epochs=4", "train.validate_every=2"]


@pytest.fixture(scope="module")
def data():
    return vectors()


def trained(data, out, *sets):
    sizes = [f"data.{part}={n}" for part, n in (("query", 30), ("train", 100), ("validation", 20))]
    return ch.train(ch.build("labels", sets=[*sizes, *SETS, *sets], bits=8), data, out=out)


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """The same training with and without."""
    folder = tmp_path_factory.mktemp("rotation")
    return trained(data, folder / "plain", "train.rotate=false"), trained(data, folder / "turned", "train.rotate=true")


def values(run, split):
    rows = map(json.loads, run.metrics.read_text().splitlines())
    return {(row["epoch"], row["metric"]): row["value"] for row in rows if row["split"] == split}


def test_the_rotation_is_one_and_brings_codes_nearer_to_corners():
    z = np.random.default_rng(0).normal(size=(200, 6)) @ np.diag([3, 2, 1, 1, 0.5, 0.2])
    turn = towards_corners(z)
    np.testing.assert_allclose(turn @ turn.T, np.eye(6), atol=1e-12)

    def distance(x):
        return sum(min((x[i, j] - 1) ** 2, (x[i, j] + 1) ** 2) for i in range(len(x)) for j in range(x.shape[1]))

    each = [distance(z @ towards_corners(z, steps)) for steps in range(6)]
    assert all(after <= before + 1e-9 for before, after in pairwise(each))
    assert distance(z @ turn) < 0.9 * distance(z)


def test_only_the_last_layers_turn_and_inner_products_stay(runs):
    plain, turned = (run.load_model(CPU) for run in runs)
    changed = {name for name, x in turned.state_dict().items() if not torch.equal(x, plain.state_dict()[name])}
    assert changed == {f"towers.{m}.to_bits.{x}" for m in ("image", "text") for x in ("weight", "bias")}
    gram = [model.tower("image").to_bits.weight.T @ model.tower("text").to_bits.weight for model in (plain, turned)]
    torch.testing.assert_close(*gram, atol=1e-5, rtol=1e-4)


def test_training_itself_is_not_touched(runs):
    plain, turned = (values(run, "train") for run in runs)
    losses = [key for key in plain if key[1].startswith("loss/")]
    assert losses
    assert [plain[key] for key in losses] == [turned[key] for key in losses]


def test_the_best_score_is_that_of_the_model_kept(runs, data):
    run = runs[1]
    model, split = run.load_model(CPU), run.split(data.ids)
    again = validation_scores(model, prepare(data, model, None, CPU), split, CPU)
    found = values(run, "validation")
    by_epoch = {e: {m: v for (other, m), v in found.items() if other == e and "->" in m} for e in (2, 4)}
    assert again in list(by_epoch.values())


def test_the_last_epoch_is_turned_too(data, tmp_path, runs):
    last = trained(data, tmp_path / "last", "train.rotate=true", "train.select=last")
    plain = trained(data, tmp_path / "plain", "train.rotate=false", "train.select=last")
    model = plain.load_model(CPU)
    rotate(model, prepare(data, model, None, CPU), plain.split(data.ids).train, CPU)
    assert model.fingerprint() == last.load_model(CPU).fingerprint()


def test_blocks_that_end_in_codes_are_left_alone(data, tmp_path):
    run = trained(data, tmp_path / "run", "towers.image.fusion=attention-matrix")
    assert not run.settings().train.rotate  # the recipe's, which nothing uses here
    model = run.load_model(CPU)
    before = model.fingerprint()
    assert last_layers(model) == {}
    rotate(model, prepare(data, model, None, CPU), run.split(data.ids).train, CPU)
    assert model.fingerprint() == before
