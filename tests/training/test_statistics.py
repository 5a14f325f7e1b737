"""What a model is scored and saved with: batch statistics of its weights, and inputs in units of their own."""

import numpy as np
import pytest
import torch
from torch import nn

import crossmodal_hash as ch
from crossmodal_hash.data import Dataset, Matrix
from crossmodal_hash.dropout import Dropout
from crossmodal_hash.evaluation import score
from crossmodal_hash.factory import build_model
from crossmodal_hash.levels.scale import Scale
from crossmodal_hash.recipes import recipes
from crossmodal_hash.runs.weights import load_weights, save_weights
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.training import statistics
from crossmodal_hash.training.inputs import Dense, prepare
from crossmodal_hash.training.real_codes import real_codes
from crossmodal_hash.training.statistics import batch_norms, fit_inputs, renew_statistics

N, D, C, K = 240, 40, 4, 16
CPU = torch.device("cpu")
DEEP = [name for name in recipes() if resolve(name).settings.terms]
SMALL = {  # few steps, after which running averages would not be ready
    "train.batch": "64",
    "train.epochs": "6",
    "train.select": "last",  # which of two epochs is best on 20 items may turn on one bit
    "data.query": "60",
    "data.train": "140",
    "data.validation": "20",
}


def vectors(unit=1.0):
    """Two sides of the same items, of length about 1 and far from 0, in units of one's own."""
    rng = np.random.default_rng(0)
    labels = (rng.random((N, C)) < 0.3).astype(np.uint8)
    labels[labels.sum(1) == 0, 0] = 1

    def side():
        x = labels @ rng.normal(size=(C, D)) + 0.7 * rng.normal(size=(N, D)) + 2.0
        return (unit * x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)

    modalities = {"image": Matrix(side()), "text": Matrix(side())}
    return Dataset("vectors", tuple(map(str, range(N))), modalities, labels, tuple("abcd"))


def method(recipe):
    settings = resolve(recipe, sets=["train.freeze_backbone=true"] if recipe in DEEP else []).settings
    sets = [f"{key}={value}" for key, value in SMALL.items()]
    if "label" in settings.towers:
        sets.append("train.guide_epochs=2")
    if settings.closed_form is not None:
        sets = [s for s in sets if s.startswith("data.")]
        if settings.closed_form.name in ("seph", "gsph"):
            sets.append("closed_form.count=20")
    for name, tower in settings.towers.items():
        if name != "image" and "hidden" in tower.backbone.params():
            sets.append(f"towers.{name}.backbone.hidden={[32] * len(tower.backbone.params()['hidden'])}")
    return ch.build(recipe, bits=K, sets=sets)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of a recipe on vectors, each made once."""
    made = {}

    def train(recipe, unit):
        if (recipe, unit) not in made:
            out = tmp_path_factory.mktemp("runs") / "run"
            made[recipe, unit] = ch.train(method(recipe), vectors(unit), seed=0, out=out)
        return made[recipe, unit]

    return train


@pytest.mark.parametrize("recipe", list(recipes()))
def test_scores_do_not_depend_on_the_units_of_the_vectors(recipe, trained):
    def scores(unit):
        found = score(trained(recipe, unit).encode(vectors(unit)))
        return np.array([part.result.values["map@all"] for part in found])

    # Rounding differs, and a step that is taken 20 times makes a few bits of it.
    np.testing.assert_allclose(scores(100.0), scores(0.01), atol=0.02)


@pytest.mark.parametrize("recipe", DEEP)
def test_the_network_that_is_scored_is_the_one_that_was_trained(recipe, trained):
    """Codes by the statistics that were saved, and by those of a batch of training items: at least 98 % equal bits."""
    run, data = trained(recipe, 100.0), vectors(100.0)
    model = run.load_model(CPU)
    rows = run.split(data.ids).train
    inputs = prepare(data, model, run.vocabulary(), CPU)
    saved = real_codes(model, inputs, rows, CPU)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train()
    with torch.no_grad():
        [batch] = inputs.batches([rows])
        now = model(batch.inputs)
    for name, u in saved.items():
        same = ((u >= 0) == (now[name].u.numpy() >= 0)).mean()
        assert same >= 0.98, f"{name}: {same:.3f} of the bits are those of training mode"


class Pair:
    """A small tower on vectors, in training mode, and its inputs."""

    def __init__(self):
        torch.manual_seed(0)
        data = vectors()
        settings = method("default").resolve(data).settings
        widths = dict.fromkeys(data.modalities, D)
        self.model = build_model(settings, widths).train()
        self.inputs = prepare(data, self.model, None, CPU)

    def renew(self, rows, batch):
        renew_statistics(self.model, self.inputs, rows, batch=batch, seed=0, device=CPU, names=["image"])


def test_statistics_are_the_mean_over_batches_of_what_a_layer_sees_without_dropout():
    pair, seen = Pair(), []
    first = next(batch_norms(pair.model, "image"))
    first.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
    before = torch.get_rng_state()
    pair.renew(np.arange(100), 30)
    assert torch.equal(torch.get_rng_state(), before)
    assert [len(x) for x in seen] == [34, 33, 33]  # shared evenly: a batch of 10 would weigh as much as one of 30
    torch.testing.assert_close(first.running_mean, torch.stack([x.mean(0) for x in seen]).mean(0))
    torch.testing.assert_close(first.running_var, torch.stack([x.var(0) for x in seen]).mean(0))
    layer = pair.model.tower("image").backbone.layers[0][0]
    expected = layer(pair.model.tower("image").scale(torch.from_numpy(vectors().modalities["image"].dense(range(100)))))
    torch.testing.assert_close(first.running_mean, expected.mean(0), atol=5e-3, rtol=0)  # batches of 33 and 34
    assert pair.model.training
    assert first.momentum == 0.1
    assert all(module.training for module in pair.model.modules() if isinstance(module, Dropout))


def test_a_bounded_number_of_batches_is_looked_at(monkeypatch):
    monkeypatch.setattr(statistics, "BATCHES", 2)
    pair, seen = Pair(), []
    next(batch_norms(pair.model, "image")).register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    pair.renew(np.arange(100), 10)
    assert seen == [10, 10]


@pytest.mark.parametrize("items", [2, 3, 5])
def test_few_items_are_one_batch_or_more_but_never_one_item(items):
    pair = Pair()
    pair.renew(np.arange(items), 2)
    assert torch.isfinite(next(batch_norms(pair.model, "image")).running_var).all()


def test_a_frozen_backbone_keeps_its_statistics():
    settings = resolve("hsidhn", sets=["towers.image.backbone.weights=none", "train.freeze_backbone=true"]).settings
    model = build_model(settings, {"image": 3, "text": D})
    inside = set(model.tower("image").backbone.modules())
    assert inside.isdisjoint(batch_norms(model, "image"))
    assert list(batch_norms(model, "image"))


def test_columns_of_vectors_get_mean_0_and_deviation_1_and_constants_are_centered():
    x = torch.tensor([[1.0, 200.0, 5.0], [3.0, 600.0, 5.0]])
    scale = Scale(3)
    assert torch.equal(scale(x), x)
    scale.fit(x)
    torch.testing.assert_close(scale(x), torch.tensor([[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]]))


def test_a_matrix_of_words_gets_one_factor_and_keeps_its_zeros():
    scale = Scale()
    scale.fit(torch.tensor([[0.0, 2.0], [6.0, 0.0]]))
    assert scale(torch.tensor([[0.0, 4.0]])).tolist() == [[0.0, 1.0]]
    scale.fit(torch.tensor([[0, 1], [1, 1]], dtype=torch.uint8))
    assert scale.input_scale == 1  # what is there or not there has its unit
    scale.fit(torch.zeros(2, 2))
    assert scale.input_scale == 1


def test_words_that_were_counted_here_and_labels_keep_their_units():
    pair = Pair()
    matrix = Matrix(np.full((4, D), 7.0, np.float32))
    fit_inputs(pair.model, {"image": Dense(matrix, counted=True)}, np.arange(4), 0)
    assert pair.model.tower("image").scale.input_mean.eq(0).all()
    fit_inputs(pair.model, {"image": Dense(matrix)}, np.arange(4), 0)
    assert pair.model.tower("image").scale.input_mean.eq(7).all()


def test_weights_of_version_0_1_take_vectors_as_they_come(tmp_path):
    pair = Pair()
    pair.model.tower("image").scale.fit(torch.full((2, D), 3.0))
    state = pair.model.state_dict()
    save_weights(tmp_path / "new", pair.model)
    old = {name: x for name, x in state.items() if "input_" not in name}
    pair.model.state_dict = lambda: old  # what it saved
    save_weights(tmp_path / "old", pair.model)
    del pair.model.state_dict
    load_weights(tmp_path / "old", pair.model)
    assert pair.model.tower("image").scale.input_mean.eq(0).all()
    load_weights(tmp_path / "new", pair.model)
    assert pair.model.tower("image").scale.input_mean.eq(3).all()
