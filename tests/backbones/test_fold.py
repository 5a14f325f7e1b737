import pytest
import torch
from torch import nn

from crossmodal_hash.backbones.efficientnet_lite0 import EfficientNetLite0
from crossmodal_hash.backbones.fold import folded
from crossmodal_hash.backbones.resnet import ResNet18, ResNet50
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.types import LevelInfo


def norms(module):
    return sum(isinstance(child, nn.BatchNorm2d) for child in module.modules())


def unsettle(backbone):
    """Statistics that a fresh network does not have, so that forgetting one of them shows."""
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return backbone


@pytest.mark.parametrize("cls", [EfficientNetLite0, ResNet18, ResNet50])
def test_a_folded_network_has_no_norms_left_and_the_same_levels(cls):
    torch.manual_seed(0)
    backbone = unsettle(cls(weights="none", size=64)).eval()
    x = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    before = norms(backbone)
    fast = folded(backbone)
    assert norms(fast) == 0
    assert norms(backbone) == before > 0
    with torch.no_grad():
        for a, b in zip(backbone(x), fast(x), strict=True):
            torch.testing.assert_close(a.x, b.x, rtol=1e-3, atol=1e-3 * a.x.abs().max().item())


class PreActivation(Backbone):
    """The norm after the convolution serves one path; the other takes the convolution's output as it is."""

    reads = "image"

    def __init__(self):
        super().__init__()
        self.levels = (LevelInfo("only", 4, 2),)
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)

    def compute(self, x):
        y = self.conv(x.float() / 255)
        return [y + torch.relu(self.norm(y))]


def test_a_network_of_unknown_build_keeps_its_norms():
    backbone = unsettle(PreActivation()).eval()
    fast = folded(backbone)
    x = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    assert norms(fast) == 1
    torch.testing.assert_close(fast(x)[0].x, backbone(x)[0].x)


def test_the_copy_is_for_inference_only():
    backbone = ResNet18(weights="none", size=32)
    fast = folded(backbone)
    assert not fast.training
    assert backbone.training
    assert not any(parameter.requires_grad for parameter in fast.parameters())
