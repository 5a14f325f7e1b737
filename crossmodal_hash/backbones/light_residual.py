"""The text network that the authors of HSIDHN and SCAHN published: four small blocks across the scales."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from crossmodal_hash.backbones._dense import check_shares
from crossmodal_hash.backbones._inputs import check_rows
from crossmodal_hash.backbones.multi_scale import Interpolation, MultiScale, Rescale, Tail
from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.dropout import Dropout
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.types import LevelInfo

_WIDTHS = (64, 128, 256, 512)

Stem = Literal["linear", "conv"]


def convolve(x: Tensor, weight: Tensor, padding: int = 0) -> Tensor:
    """Convolution along a few positions as one matrix product.

    On sequences as short as the scales of a text, PyTorch's own convolution takes several times as long on a CPU.

    Args:
        x: (B, S, D), the channels last.
        weight: (O, D, T), T taps.
        padding: zeros at both ends.

    Returns:
        (B, S + 2 * padding - T + 1, O).

    Example:
        >>> convolve(torch.tensor([[[1.0], [2.0], [3.0]]]), torch.tensor([[[1.0, 10.0]]])).flatten()
        tensor([21., 32.])
    """
    taps = weight.shape[2]
    if x.shape[1] == 1 and taps == 2 * padding + 1:
        # All taps but the middle one would meet zeros alone.
        return x @ weight[:, :, padding].T
    x = nnf.pad(x, (0, 0, padding, padding)) if padding else x
    places = x.shape[1] - taps + 1
    windows = torch.cat([x[:, i : i + places] for i in range(taps)], 2)
    return windows @ weight.permute(0, 2, 1).flatten(1).T


class LightResidual(Backbone):
    """Four residual blocks across the scales of a bag of words (public code of HSIDHN and SCAHN, Neurocomputing 2020).

    The vocabulary is reduced in one step, by one map from L words to 64 values that all scales share; the other blocks
    mix neighboring scales. Four levels `block1` to `block4`, sequences along the scales: (64, S), (128, S - 2),
    (256, S - 4) and (512, 1), lengths never below 1. The authors return the same as columns of an (L, S) picture.

    Args:
        pool_sizes: window widths in words; SCAHN's and DSPAH's sixth is 50.
        tail: `ceil` keeps an incomplete last window, `floor` (the authors) drops it.
        interpolation: `linear`, `nearest` (the authors) or `linear-aligned`.
        rescale: `none` (the papers), `sqrt` or `sum`; averages over sparse words are small.
        affine: give each window width except 1 a learned slope and offset, and a ReLU, before it is stretched (the
            authors).
        stem: `linear` is Linear, batch norm, ReLU; `conv` is the authors' residual block with an (L, 1) kernel.
        level_width: 0 returns the sequences; otherwise a convolution as wide as the remaining scales, and a ReLU,
            turn each level into a vector of this width (the authors: 256).
        dropout_input: share of words dropped in training, in [0, 1).
        dropout: share of a block's output dropped in training, in [0, 1); the same for its level and the next block.

    Raises:
        SettingsError: for an unknown choice, a width below 0, or a share outside [0, 1).
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
        affine: bool = False,
        stem: Stem = "linear",
        level_width: int = 0,
        dropout_input: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_choice("stem", stem, Stem)
        if level_width < 0:
            raise SettingsError(f"level_width={level_width} must be at least 0; 0 returns the sequences")
        check_shares(dropout_input=dropout_input, dropout=dropout)
        self.pool_sizes, self.stem, self.level_width = tuple(pool_sizes), stem, level_width
        self.tail, self.interpolation, self.rescale, self.affine = tail, interpolation, rescale, affine
        self.dropout_input, self.dropout = dropout_input, dropout
        self.scales = MultiScale(pool_sizes, tail=tail, interpolation=interpolation, rescale=rescale, affine=affine)
        self.drop_words, self.drop = Dropout(dropout_input), Dropout(dropout)
        self.levels = tuple(
            LevelInfo(f"block{i + 1}", level_width or width, 0 if level_width else 1) for i, width in enumerate(_WIDTHS)
        )

    def setup(self, in_features: int) -> None:
        """Build the blocks for a vocabulary of `in_features` words."""
        self.scales.fits(in_features)
        self.in_features = in_features
        count = len(self.pool_sizes)
        lengths = (count, max(count - 2, 1), max(count - 4, 1), 1)
        kernels = [a - b + 1 for a, b in pairwise(lengths)]
        first = _Linear if self.stem == "linear" else _Stem
        self.blocks = nn.ModuleList([first(_WIDTHS[0], in_features)])
        for channels, width, kernel in zip(_WIDTHS[:-1], _WIDTHS[1:], kernels, strict=True):
            self.blocks.append(_Block(channels, width, kernel))
        if self.level_width:
            # A convolution with one place to be is a linear layer.
            sizes = [width * length for width, length in zip(_WIDTHS, lengths, strict=True)]
            self.readers = nn.ModuleList(nn.Linear(size, self.level_width) for size in sizes)

    def compute(self, x: Tensor) -> Sequence[Tensor]:
        """(B, L) word counts -> four sequences (B, D, scales left), or four vectors (B, level_width)."""
        check_rows(x, self.in_features)
        # Words are dropped before the windows: afterward their neighbors would give them away.
        words = self.drop_words(x.float())
        stem, *blocks = self.blocks
        y = self.drop(stem(words, self.scales))
        outputs = [y, *(y := self.drop(block(y)) for block in blocks)]
        if self.level_width:
            return [nnf.relu(read(y.flatten(1))) for read, y in zip(self.readers, outputs, strict=True)]
        return [y.transpose(1, 2) for y in outputs]


class _ConvBN(nn.Sequential):
    """Convolution without bias and batch norm, on (B, S, D)."""

    def __init__(self, channels: int, width: int, kernel: tuple[int, int], padding: int = 0) -> None:
        self.padding = padding
        super().__init__(nn.Conv2d(channels, width, kernel, padding=(0, padding), bias=False), nn.BatchNorm2d(width))

    @property
    def weight(self) -> Tensor:
        """(width, channels, height, taps)."""
        weight = self[0].weight
        assert isinstance(weight, Tensor)
        return weight

    def normalize(self, x: Tensor) -> Tensor:
        """Batch norm of (B, S, width), over items and scales."""
        out: Tensor = self[1](x.reshape(-1, x.shape[2], 1, 1))
        return out.view(x.shape)

    def forward(self, x: Tensor) -> Tensor:
        """(B, S, channels) -> (B, places, width)."""
        return self.normalize(convolve(x, self.weight[:, :, 0], self.padding))


class _Linear(nn.Module):
    """(B, L) -> (B, S, width): a full-height convolution is one linear map that the scales share."""

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.reduce = _ConvBN(1, width, (words, 1))

    def forward(self, words: Tensor, scales: MultiScale) -> Tensor:
        return nnf.relu(self.reduce.normalize(scales.through(words, self.reduce.weight[:, 0, :, 0])))


class _Stem(nn.Module):
    """(B, L) -> (B, S, width): `_Block` on one channel of full height, where smoothing mixes the scales of a word."""

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.smooth = _ConvBN(1, 1, (1, 3), padding=1)
        self.reduce = _ConvBN(1, width, (words, 1))
        self.skip = _ConvBN(1, width, (words, 1))

    def forward(self, words: Tensor, scales: MultiScale) -> Tensor:
        rows = scales.rows(words)
        mixed = nnf.conv2d(rows[:, None], self.smooth.weight.transpose(2, 3), padding=(1, 0))
        smooth = nnf.relu(self.smooth[1](mixed))[:, 0]
        reduced = self.reduce.normalize(smooth @ self.reduce.weight[:, 0, :, 0].T)
        return nnf.relu(reduced + self.skip.normalize(scales.through(words, self.skip.weight[:, 0, :, 0])))


class _Block(nn.Module):
    """Smooth across the scales, then reduce by `kernel` taps; the skip reduces the input in the same way."""

    def __init__(self, channels: int, width: int, kernel: int) -> None:
        super().__init__()
        self.smooth = _ConvBN(channels, channels, (1, 3), padding=1)
        self.reduce = _ConvBN(channels, width, (1, kernel))
        self.skip = _ConvBN(channels, width, (1, kernel))

    def forward(self, x: Tensor) -> Tensor:
        return nnf.relu(self.reduce(nnf.relu(self.smooth(x))) + self.skip(x))
