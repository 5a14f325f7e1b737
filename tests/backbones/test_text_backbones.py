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
from crossmodal_hash.errors import ShapeError

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


def test_levels_are_as_declared_and_independent_of_the_rest_of_the_batch(backbone):
    backbone.eval()
    x = rows(3)
    with torch.no_grad():
        together, alone, again = backbone(x), backbone(x[:1]), backbone(x)
    assert len(together) == len(backbone.levels)
    assert torch.equal(x, rows(3))
    for a, b, c in zip(together, alone, again, strict=True):
        assert torch.equal(a.x, c.x)
        torch.testing.assert_close(a.x[:1], b.x, rtol=1e-4, atol=1e-5 * a.x.abs().max().item())


def test_a_gradient_reaches_every_parameter(backbone):
    sum(level.x.square().sum() for level in backbone(rows(6))).backward()
    assert [name for name, p in backbone.named_parameters() if p.grad is None] == []


def test_shapes_flow_on_the_meta_device(backbone):
    levels = backbone.to("meta")(torch.zeros(4, WORDS, device="meta"))
    assert {level.x.device.type for level in levels} == {"meta"}


def test_channels_mlp_is_linear_in_all_windows_of_the_words():
    torch.manual_seed(0)
    backbone = ChannelsMLP(hidden=(3,), pool_sizes=(1, 5))
    backbone.setup(WORDS)
    backbone.eval()
    x = rows(2)
    scales = multi_scale(x, (1, 5)).reshape(2, -1)
    linear, norm, *_ = backbone.layers[0]
    torch.testing.assert_close(backbone(x)[0].x, norm(scales @ linear.weight.T + linear.bias).relu())


def test_rows_of_another_width_are_refused(backbone):
    with pytest.raises(ShapeError, match=rf"expected \(B, {WORDS}\).*not \(2, 40\)"):
        backbone(torch.zeros(2, 40))


def test_config_rebuilds_the_backbone(backbone):
    again = type(backbone)(**backbone.config())
    assert again.config() == backbone.config()
    assert again.levels == backbone.levels


def test_integer_counts_are_accepted(backbone):
    backbone.eval()
    with torch.no_grad():
        for a, b in zip(backbone(rows(2).long()), backbone(rows(2)), strict=True):
            assert torch.equal(a.x, b.x)
