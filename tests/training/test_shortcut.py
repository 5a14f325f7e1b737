"""The shortcut of a tower: what it is fitted to, that training leaves it alone, and what turns with it."""

import numpy as np
import pytest
import torch
from interrupting import interrupt_at

import crossmodal_hash as ch
from crossmodal_hash.closed_forms.itq import rotated_components
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.training.inputs import prepare
from crossmodal_hash.training.trainer import resume

CPU = torch.device("cpu")
SETS = ["towers.image.backbone.size=32", "train.batch=8", "train.epochs=2"]
SETS += ["towers.image.levels=1", "towers.image.width=16", "data.vocabulary.min_count=1", "train.workers=0"]


@pytest.fixture(scope="module")
def data(tiny):
    return ch.load_data(tiny)


def trained(data, out, *sets, bits=8):
    return ch.train(ch.build("labels", sets=[*SETS, "towers.image.shortcut=2", *sets], bits=bits), data, out=out)


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """The same training with and without a rotation at its end."""
    folder = tmp_path_factory.mktemp("shortcut")
    return [trained(data, folder / word, f"train.rotate={word}") for word in ("false", "true")]


def pooled(run, data, rows):
    """What the shortcut of the pictures reads, as the tower computes it, picture by picture."""
    model = run.load_model(CPU).eval()
    tower = model.tower("image")
    stream = prepare(data, model, run.vocabulary(), CPU).streams["image"]
    return tower, torch.cat([tower.pooled(tower.scaled(x)) for x in stream.batches([np.array([row]) for row in rows])])


def test_it_is_fitted_to_the_training_items_and_not_trained(runs, data):
    plain = runs[0]
    tower, x = pooled(plain, data, plain.split(data.ids).train)
    centered = (x.double() - x.double().mean(0)).numpy()
    projection = rotated_components(centered, 8, np.random.default_rng(0))
    size = np.sqrt(np.square(centered @ projection).mean())
    torch.testing.assert_close(tower.shortcut.weight, torch.from_numpy(projection.T * 2 / size).float())
    z = tower.shortcut(x)
    torch.testing.assert_close(z.mean(0), torch.zeros(8), atol=1e-4, rtol=0)
    assert z.square().mean().sqrt().item() == pytest.approx(2, rel=1e-4)


def test_codes_are_the_sum_of_what_is_learned_and_of_the_shortcut(runs, data):
    run = runs[1]
    _, x = pooled(run, data, np.arange(len(data)))
    model = run.load_model(CPU).eval()
    tower = model.tower("image")
    levels = next(prepare(data, model, run.vocabulary(), CPU).streams["image"].batches([np.arange(len(data))]))
    with torch.no_grad():
        out = tower(levels)
        torch.testing.assert_close(out.u, torch.tanh(tower.to_bits(out.features) + tower.shortcut(x)))


def test_it_turns_with_the_layer_beside_it(runs):
    plain, turned = (run.load_model(CPU).tower("image") for run in runs)
    assert not torch.equal(plain.shortcut.weight, turned.shortcut.weight)
    both = [torch.cat([tower.to_bits.weight, tower.shortcut.weight], 1) for tower in (plain, turned)]
    torch.testing.assert_close(*(x.T @ x for x in both), atol=1e-4, rtol=1e-4)


def test_a_resumed_training_ends_with_the_same_bytes(runs, data, tmp_path):
    with interrupt_at(4), pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "run", "train.rotate=true")
    again = resume(ch.open_run(tmp_path / "run"), data)
    assert again.weights.read_bytes() == runs[1].weights.read_bytes()


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["towers.text.shortcut=1"], "towers.text.backbone = 'bow-mlp' is trained"),
        (["towers.image.shortcut=1", "train.freeze_backbone=false"], "set train.freeze_backbone=true"),
        (["towers.image.shortcut=1", "towers.image.fusion=cbam"], "neither pooled nor projected"),
        (["towers.image.shortcut=-1"], "a number of at least 0"),
    ],
)
def test_where_features_do_not_stay_or_are_not_pooled_it_is_refused(sets, said):
    with pytest.raises(SettingsError, match=said):
        resolve("labels", sets=sets, frozen_by_default=True)
