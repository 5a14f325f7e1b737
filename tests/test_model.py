from itertools import product

import pytest
import torch
from safetensors.torch import load_file

from crossmodal_hash.components import FUSIONS
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.factory import build_model, build_objective
from crossmodal_hash.model import HashModel, fingerprint
from crossmodal_hash.runs.weights import load_weights, save_weights
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.training.optimizer import make_optimizer

WORDS = 40


def model(*sets, recipe="labels", flags=None, frozen=True) -> HashModel:
    small = ["towers.image.backbone.weights=none", "towers.image.backbone.size=32", "bits=12", *sets]
    settings = resolve(recipe, sets=small, flags=flags, frozen_by_default=frozen).settings
    torch.manual_seed(0)
    return build_model(settings, {"image": 3, "text": WORDS})


def inputs(items=4):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (items, 3, 32, 32), dtype=torch.uint8, generator=generator)
    return {"image": pictures, "text": (torch.rand(items, WORDS, generator=generator) < 0.2).float()}


@pytest.mark.parametrize(
    ("fusion", "text", "frozen"),
    list(product(FUSIONS.builtin, ["bow-mlp", "bow-resnet", "light-residual"], [True, False])),
)
def test_every_fusion_works_for_pictures_and_for_every_text_network(fusion, text, frozen):
    built = model(
        "towers.image.level_heads=true",
        "towers.text.level_heads=true",
        flags={"fusion": fusion, "text": text},
        frozen=frozen,
    )
    outputs = built.train()(inputs())
    total = sum(head.sum() for output in outputs.values() for head in output.heads())
    total.backward()
    for output in outputs.values():
        assert output.u.shape == (4, 12)
        assert output.u.abs().max() <= 1
        assert all(head.shape == (4, 12) for head in output.per_level)


def test_a_frozen_backbone_is_neither_trained_nor_moved():
    built = model().train()
    backbone = built.tower("image").backbone
    before = fingerprint(backbone.state_dict())
    optimizer = torch.optim.SGD([p for p in built.parameters() if p.requires_grad], lr=1.0)
    sum(output.u.square().sum() for output in built(inputs()).values()).backward()
    optimizer.step()
    assert fingerprint(backbone.state_dict()) == before
    assert not backbone.training


def test_levels_from_a_cache_give_the_codes_of_the_picture_itself():
    built = model().eval()
    tower, pictures = built.tower("image"), inputs()["image"]
    with torch.no_grad():
        assert torch.equal(tower(tower.choose(tower.levels(pictures))).u, tower(pictures).u)


def test_any_modality_can_be_encoded_alone_and_in_any_company():
    built = model().eval()
    both = inputs()
    with torch.no_grad():
        whole = built(both)["text"].u
        alone = built({"text": both["text"][1:2]})["text"].u
    assert torch.allclose(whole[1:2], alone, atol=1e-6)


def test_a_tower_without_its_data_is_refused():
    settings = resolve("labels", sets=["towers.image.backbone.weights=none"]).settings
    with pytest.raises(SettingsError, match="tower for 'image'"):
        build_model(settings, {"text": WORDS})


def test_a_pair_loss_without_a_criterion_is_refused():
    with pytest.raises(SettingsError, match="needs a criterion"):
        build_objective(resolve("default", sets=["terms.extra.loss=pairwise-nll"]).settings)


def test_width_zero_leaves_pooled_levels_as_they_are():
    built = model("towers.text.width=0")
    tower = built.tower("text")
    assert tower.fusion.out_features == tower.backbone.levels[-1].channels


@pytest.mark.parametrize("frozen", [True, False])
def test_input_dropout_works_for_a_fusion_that_takes_levels_too(frozen):
    flags = {"fusion": "cbam", "text": "light-residual"}
    off = [f"towers.{name}.input_dropout=0.0" for name in ("image", "text")]
    plain = model(*off, flags=flags, frozen=frozen)
    dropping = model(*(x.replace("0.0", "0.5") for x in off), flags=flags, frozen=frozen)
    assert list(plain.state_dict()) == list(dropping.state_dict())
    for name, x in inputs().items():
        tower, other = dropping.tower(name), plain.tower(name)
        # The levels alone, so that the text network's own dropout is out of the way.
        levels = tower.eval().choose(tower.levels(x))
        torch.manual_seed(0)
        assert not torch.equal(tower.train()(levels).u, tower(levels).u)
        assert torch.equal(tower.eval()(levels).u, other.eval()(levels).u)
        before = torch.get_rng_state()
        other.train()(levels)
        assert torch.equal(torch.get_rng_state(), before)


def test_towers_over_one_module_are_saved_once_and_learn_once(tmp_path):
    def shared():
        sets = [f'towers.{m}.backbone={{ name = "mlp", hidden = [6] }}' for m in ("image", "text")]
        sets += [f"towers.{m}.levels=1" for m in ("image", "text")]
        settings = resolve("labels", sets=[*sets, "bits=8", "train.freeze_backbone=true"]).settings
        made = build_model(settings, {"image": 5, "text": 5})
        made.tower("text").backbone = made.tower("image").backbone
        return settings, made

    settings, first = shared()
    save_weights(tmp_path / "w.safetensors", first)
    names = set(load_file(tmp_path / "w.safetensors"))
    assert any(name.startswith("towers.image.backbone.") for name in names)
    assert not any(name.startswith("towers.text.backbone.") for name in names)
    assert names == set(first.own_state()) < set(first.state_dict())

    _, second = shared()
    load_weights(tmp_path / "w.safetensors", second)
    for name, x in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], x), name

    parameters = [p for group in make_optimizer(first, build_objective(settings), settings).param_groups
                  for p in group["params"]]  # fmt: skip
    assert len(parameters) == len(set(parameters)) == len([p for p in first.parameters() if p.requires_grad])
