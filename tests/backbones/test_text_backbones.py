"""What every backbone on rows of numbers keeps: texts, feature vectors and labels."""

import pytest
import torch

from crossmodal_hash.backbones.bow_mlp import BowMLP
from crossmodal_hash.backbones.bow_resnet import BowResNet
from crossmodal_hash.backbones.channels_mlp import ChannelsMLP
from crossmodal_hash.backbones.label_mlp import LabelMLP
from crossmodal_hash.backbones.light_residual import LightResidual
from crossmodal_hash.backbones.mlp import MLP
from crossmodal_hash.backbones.multi_scale import multi_scale
from crossmodal_hash.errors import SettingsError, ShapeError
from crossmodal_hash.testing import assert_conforms

WORDS = 41
BACKBONES = {
    "bow-mlp": lambda: BowMLP(hidden=(12, 8, 4)),
    "channels-mlp": lambda: ChannelsMLP(hidden=(12, 8), pool_sizes=(1, 5, 50)),
    "label-mlp": lambda: LabelMLP(hidden=(12,)),
    "mlp": lambda: MLP(hidden=(12,)),
    "bow-resnet": lambda: BowResNet(depth=18),
    "bow-resnet channels": lambda: BowResNet(depth=18, pool_sizes=(1, 5), stacking="channels"),
    "light-residual linear": lambda: LightResidual(),
    "light-residual conv": lambda: LightResidual(pool_sizes=(1, 5, 10, 15, 30, 50), stem="conv"),
    "light-residual one scale": lambda: LightResidual(pool_sizes=(1,)),
}


@pytest.fixture(params=list(BACKBONES))
def backbone(request):
    torch.manual_seed(0)
    made = BACKBONES[request.param]()
    made.setup(WORDS)
    return made


def rows(count):
    return (torch.rand(count, WORDS, generator=torch.Generator().manual_seed(1)) < 0.3).float()


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("bow-resnet", {"depth": 18, "pool_sizes": (1, 5), "stacking": "channels"}),
        ("light-residual", {"pool_sizes": (1, 5, 10, 15, 30, 50), "stem": "conv"}),
        ("light-residual", {"pool_sizes": (1,)}),
        ("light-residual", {"affine": True, "tail": "floor", "interpolation": "nearest", "level_width": 6}),
        ("light-residual", {"dropout_input": 0.2, "dropout": 0.5}),
        ("bow-resnet", {"depth": 18, "dropout_input": 0.2, "dropout": 0.5}),
    ],
)
def test_a_backbone_keeps_the_rules_whatever_its_parameters(name, params):
    assert_conforms("backbone", name, **params)


def test_channels_mlp_is_linear_in_all_windows_of_the_words():
    torch.manual_seed(0)
    backbone = ChannelsMLP(hidden=(3,), pool_sizes=(1, 5))
    backbone.setup(WORDS)
    backbone.eval()
    x = rows(2)
    scales = multi_scale(x, (1, 5)).reshape(2, -1)
    linear, norm, *_ = backbone.layers[0]
    torch.testing.assert_close(backbone(x)[0].x, norm(scales @ linear.weight.T + linear.bias).relu())


DROPPING = {"light-residual": LightResidual, "bow-resnet": lambda **shares: BowResNet(depth=18, **shares)}


@pytest.mark.parametrize("name", DROPPING)
def test_without_training_nothing_is_dropped(name):
    torch.manual_seed(0)
    plain, dropping = DROPPING[name](), DROPPING[name](dropout_input=0.5, dropout=0.5)
    for backbone in (plain, dropping):
        backbone.setup(WORDS)
    dropping.load_state_dict(plain.state_dict())
    for a, b in zip(plain.eval()(rows(3)), dropping.eval()(rows(3)), strict=True):
        assert torch.equal(a.x, b.x)


@pytest.mark.parametrize("name", DROPPING)
def test_words_are_dropped_before_the_windows(name):
    backbone = DROPPING[name](dropout_input=0.5)
    backbone.setup(WORDS)
    seen = []
    backbone.drop_words.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    torch.manual_seed(3)
    levels = backbone(torch.ones(8, WORDS))
    kept = seen[0]
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert 0.3 < (kept == 0).float().mean() < 0.7
    again = DROPPING[name]()
    again.setup(WORDS)
    again.load_state_dict(backbone.state_dict())
    for a, b in zip(levels, again(kept), strict=True):
        torch.testing.assert_close(a.x, b.x)


@pytest.mark.parametrize("name", DROPPING)
def test_what_a_block_hands_on_is_dropped_once_for_its_level_and_the_next_block(name):
    backbone = DROPPING[name](dropout=0.5)
    backbone.setup(WORDS)
    dropped, entered = [], []
    backbone.drop.register_forward_hook(lambda _module, _inputs, output: dropped.append(output))
    following = backbone.blocks[1] if name == "light-residual" else backbone.network.get_submodule("layer2")
    following.register_forward_pre_hook(lambda _module, inputs: entered.append(inputs[0]))
    first = backbone(rows(8))[0].x
    assert len(dropped) == 4
    assert torch.equal(dropped[0], entered[0])
    level = dropped[0].transpose(1, 2) if name == "light-residual" else dropped[0].mean(2)
    assert torch.equal(first, level)
    assert (dropped[0] == 0).float().mean() > 0.5


@pytest.mark.parametrize("name", DROPPING)
@pytest.mark.parametrize("wrong", [{"dropout": 1.0}, {"dropout_input": -0.1}])
def test_text_networks_refuse_to_drop_everything_or_less_than_nothing(name, wrong):
    with pytest.raises(SettingsError, match=r"must be in \[0, 1\)"):
        DROPPING[name](**wrong)


def test_rows_of_another_width_are_refused(backbone):
    with pytest.raises(ShapeError, match=rf"expected \(B, {WORDS}\).*not \(2, 40\)"):
        backbone(torch.zeros(2, 40))
