"""The text network the authors of HSIDHN and SCAHN published: four small blocks across the scales."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as nnf

from crossmodal_hash.backbones._inputs import check_rows
from crossmodal_hash.backbones.multi_scale import Interpolation, MultiScale, Rescale, Tail
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.types import LevelInfo

_WIDTHS = (64, 128, 256, 512)


class LightResidual(Backbone):
    """Four residual blocks across the scales of a bag of words (public code of HSIDHN and SCAHN, Neurocomputing 2020).

    The vocabulary is reduced at once, by one map from L words to 64 values that all scales share; the other blocks mix
    neighbouring scales. Four levels `block1` to `block4`, sequences along the scales: (64, S), (128, S - 2),
    (256, S - 4) and (512, 1), lengths never below 1. The authors hand out the same as columns of an (L, S) picture.

    Args:
        pool_sizes: window widths in words; SCAHN's and DSPAH's sixth is 50.
        tail: `ceil` keeps an incomplete last window, `floor` drops it.
        interpolation: `linear`, `nearest` or `linear-aligned`.
        rescale: `none` (the papers), `sqrt` or `sum`, against the smallness of averages over sparse words.
        stem: `linear` is Linear, batch norm, ReLU; `conv` is the authors' residual block with an (L, 1) kernel.

    Raises:
        SettingsError: for an unknown choice.
        ShapeError: for rows of another width than at setup.

    Example:
        >>> import torch
        >>> backbone = LightResidual(pool_sizes=(1, 5, 10, 15, 30, 50))
        >>> backbone.setup(in_features=100)
        >>> [tuple(level.x.shape) for level in backbone(torch.ones(2, 100))]
        [(2, 64, 6), (2, 128, 4), (2, 256, 2), (2, 512, 1)]
    """

    reads = "text"

    def __init__(
        self,
        *,
        pool_sizes: Sequence[int] = (1, 5, 10, 15, 30),
        tail: Tail = "ceil",
        interpolation: Interpolation = "linear",
        rescale: Rescale = "none",
        stem: Literal["linear", "conv"] = "linear",
    ) -> None:
        super().__init__()
        if stem not in ("linear", "conv"):
            raise SettingsError(f"stem={stem!r} is not one of linear, conv")
        self.pool_sizes, self.stem = tuple(pool_sizes), stem
        self.tail, self.interpolation, self.rescale = tail, interpolation, rescale
        self.scales = MultiScale(pool_sizes, tail=tail, interpolation=interpolation, rescale=rescale)
        self.levels = tuple(LevelInfo(f"block{i + 1}", width, 1) for i, width in enumerate(_WIDTHS))

    def setup(self, in_features: int) -> None:
        """Build the blocks for a vocabulary of `in_features` words."""
        self.scales.fits(in_features)
        self.in_features = in_features
        count = len(self.pool_sizes)
        lengths = (count, max(count - 2, 1), max(count - 4, 1), 1)
        kernels = [a - b + 1 for a, b in pairwise(lengths)]
        first = _Linear if self.stem == "linear" else _Block
        self.blocks = nn.ModuleList([first(1, _WIDTHS[0], (in_features, 1))])
        for channels, width, kernel in zip(_WIDTHS[:-1], _WIDTHS[1:], kernels, strict=True):
            self.blocks.append(_Block(channels, width, (1, kernel)))

    def compute(self, x: Tensor) -> Sequence[Tensor]:
        """(B, L) word counts -> four sequences (B, D, scales left)."""
        check_rows(x, self.in_features)
        y = self.scales(x.float()).transpose(2, 3)
        outputs = []
        for block in self.blocks:
            y = block(y)
            outputs.append(y.squeeze(2))
        return outputs


def _conv_bn(channels: int, width: int, kernel: tuple[int, int], padding: tuple[int, int] = (0, 0)) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, kernel, padding=padding, bias=False), nn.BatchNorm2d(width))


class _Linear(nn.Module):
    """(B, 1, L, S) -> (B, width, 1, S): a full-height convolution is one linear map that the scales share."""

    def __init__(self, channels: int, width: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.reduce = _conv_bn(channels, width, kernel)

    def forward(self, x: Tensor) -> Tensor:
        return nnf.relu(self.reduce(x))


class _Block(nn.Module):
    """Smooth across the scales, then reduce by `kernel`; the skip reduces the input alike."""

    def __init__(self, channels: int, width: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.smooth = _conv_bn(channels, channels, (1, 3), padding=(0, 1))
        self.reduce = _conv_bn(channels, width, kernel)
        self.skip = _conv_bn(channels, width, kernel)

    def forward(self, x: Tensor) -> Tensor:
        return nnf.relu(self.reduce(nnf.relu(self.smooth(x))) + self.skip(x))
