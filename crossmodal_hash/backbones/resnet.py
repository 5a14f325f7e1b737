"""ResNet-18, 34 and 50; ResNet-34 is the picture network of the papers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from torchvision import models

from crossmodal_hash.backbones._inputs import check_pictures, check_size
from crossmodal_hash.backbones._residual import infos, stages, trunk
from crossmodal_hash.backbones._weights import is_meta, load_weights, read_weights
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.errors import WeightsError

# torchvision's ImageNet statistics, over pixels in 0..1.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _ResNet(Backbone):
    """Base class of the three depths; see `ResNet34`."""

    reads = "image"
    freezable = True
    depth: ClassVar[int]
    in_order = (models.resnet.BasicBlock, models.resnet.Bottleneck, models.ResNet)

    def __init__(self, *, weights: str = "imagenet", size: int = 224) -> None:
        super().__init__()
        check_size(size)
        self.weights, self.size = weights, size
        self.levels = infos(self.depth, axes=2)
        self.network = trunk(self.depth)
        if weights != "none" and not is_meta(self):
            source = _cached(self.depth) if weights == "imagenet" else weights
            load_weights(self.network, read_weights(source), source, ignore=("fc.",))

    def compute(self, x: Tensor) -> Sequence[Tensor]:
        """(B, 3, size, size) pixels in 0..255 -> the maps of four stages."""
        check_pictures(x)
        mean, std = (torch.tensor(v, device=x.device).view(3, 1, 1) for v in (_MEAN, _STD))
        return stages(self.network, (x.float() / 255 - mean) / std)


class ResNet18(_ResNet):
    """ResNet-18 for pictures: four levels with 64, 128, 256 and 512 channels; parameters as in `ResNet34`."""

    depth = 18


class ResNet34(_ResNet):
    """ResNet-34 for pictures (He et al., CVPR 2016): the picture network of HSIDHN and DSPAH.

    Four levels, lowest first: maps `stage1` to `stage4` at strides 4, 8, 16 and 32 with 64, 128, 256 and 512 channels;
    at 224 pixels they are 56, 28, 14 and 7 wide. Nothing is ever downloaded. On the `meta` device no weights are read.

    Args:
        weights: `imagenet` (torchvision's IMAGENET1K_V1 file, from its local cache only), `none`, or the path of a
            .pth or .safetensors state dict with torchvision's names.
        size: side of the pictures in pixels, >= 32; the papers use 224.

    Raises:
        WeightsError: if the weights are missing or do not fit.
        SettingsError: if the pictures are too small.

    Example:
        >>> backbone = ResNet34(weights="none", size=64).eval()
        >>> levels = backbone(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
        >>> [tuple(level.x.shape[1:]) for level in levels]
        [(64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2)]
    """

    depth = 34


class ResNet50(_ResNet):
    """ResNet-50 for pictures: four levels with 256, 512, 1024 and 2048 channels; parameters as in `ResNet34`."""

    depth = 50


def _cached(depth: int) -> str:
    # The papers predate torchvision's second set of weights, so the first one is meant at every depth.
    url: str = models.get_model_weights(f"resnet{depth}").IMAGENET1K_V1.url
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not file.is_file():
        raise WeightsError(
            f"the ImageNet weights of resnet{depth} are not at '{file}'; download {url} and give its path (--weights "
            f"{file.name}), train from random weights (--weights none), or use --backbone efficientnet-lite0"
        )
    return str(file)
