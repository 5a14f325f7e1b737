"""torchvision's residual networks without their classifier, for pictures and for matrices of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torchvision.models import resnet

from crossmodal_hash.types import LevelInfo

STEM = 64


def trunk(depth: int, channels: int = 3) -> nn.Module:
    """A residual network (He et al., CVPR 2016) up to its last stage, randomly initialized, with torchvision's names.

    Args:
        depth: 18, 34 or 50.
        channels: of the input; anything but 3 replaces the first convolution.
    """
    network: nn.Module = getattr(resnet, f"resnet{depth}")(weights=None)
    network.fc = nn.Identity()
    if channels != 3:
        network.conv1 = nn.Conv2d(channels, STEM, 7, 2, 3, bias=False)
    return network


def infos(depth: int, axes: int) -> tuple[LevelInfo, ...]:
    """The levels of the four stages: 64, 128, 256, 512 channels, four times as many with bottleneck blocks."""
    widening = 4 if depth >= 50 else 1
    return tuple(LevelInfo(f"stage{i + 1}", STEM * 2**i * widening, axes) for i in range(4))


def stages(network: nn.Module, x: Tensor, drop: Callable[[Tensor], Tensor] | None = None) -> Sequence[Tensor]:
    """(B, channels, H, W) -> the maps of the four stages, at strides 4, 8, 16 and 32; `drop` is applied to each."""
    for name in ("conv1", "bn1", "relu", "maxpool"):
        x = network.get_submodule(name)(x)
    maps = []
    for i in range(4):
        x = network.get_submodule(f"layer{i + 1}")(x)
        x = x if drop is None else drop(x)
        maps.append(x)
    return maps
