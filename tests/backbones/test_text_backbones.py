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


def test_rows_of_another_width_are_refused(backbone):
    with pytest.raises(ShapeError, match=rf"expected \(B, {WORDS}\).*not \(2, 40\)"):
        backbone(torch.zeros(2, 40))
