"""Attention within each level, and an attention matrix over levels and bits (DSPAH)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import Fusion
from crossmodal_hash.dropout import Dropout
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.types import Fused, Level, LevelInfo

Outer = Literal["tanh", "none"]
Combine = Literal["weighted-sum", "concat"]


def attend_channels(level: Level, mlp: nn.Module) -> Tensor:
    """The level times a = sigmoid(M(average) + M(maximum)) in (0, 1) for each channel (CBAM, Woo et al., ECCV 2018).

    Args:
        level: (B, D, ...); a condensed level has the exact average and maximum of its map.
        mlp: M, (B, D) -> (B, D), the same for both.

    Returns:
        Same shape as `level.x`.
    """
    a = torch.sigmoid(mlp(level.mean()) + mlp(level.max()))
    return level.x * a.view(*a.shape, *(1,) * level.axes)


def attend_positions(x: Tensor, conv: nn.Module) -> Tensor:
    """The map times m = sigmoid(conv([mean; maximum over channels])) in (0, 1) for each position (CBAM).

    Args:
        x: (B, D, L) or (B, D, H, W).
        conv: from two channels to one, padded so that the size does not change.

    Returns:
        Same shape as `x`.
    """
    m: Tensor = torch.sigmoid(conv(torch.stack([x.mean(1), x.amax(1)], 1)))
    return x * m


class CBAM(Fusion):
    """Attention within each level, and across levels by a learned matrix (DSPAH, SEKE 2021; matrix from SCAHN, 2020).

    Each level passes channel attention, then spatial attention, then a 1 x 1 convolution to K values and the average
    over positions (in the cheaper order: the two commute), and tanh: h_k. A matrix W (levels, K), initialized around
    1 / levels, weights them bit by bit: u = tanh(sum_k W_k h_k). Vectors have no positions and skip spatial attention.

    On a grid of 2 x 2 cells a kernel of 7 acts like one of 3: its outer taps see only padding.

    The features already have K values, so the tower only applies its head, and `outer` must fit the head: use
    `outer="tanh"` with the head `tanh`, which turns both the weighted sum and the level values into codes; use
    `outer="none"` (SCAHN's form, u = sum_k W_k h_k) with the head `identity`; tanh is then already applied to the
    level values.

    Args:
        reduction: factor by which channels are reduced between the layers of M, >= 1, to at least 4; CBAM uses 16.
        kernel: side of the spatial convolution, odd; CBAM uses 7.
        outer: `tanh` or `none`, see above.
        combine: `weighted-sum` (DSPAH's text); `concat` (its figure) gives each level its own K / levels bits, without
            a matrix and without level codes.
        dropout: share of the values of each attended and averaged level (B, D) that are dropped in training before the
            layer to K values, in [0, 1); the paper has none.

    Raises:
        SettingsError: for an even kernel, a reduction below 1, a share outside its range, an unknown choice, or bits
            that `concat` cannot share.

    Example:
        >>> fusion = CBAM()
        >>> fusion.setup([LevelInfo("stage3", 8, 2), LevelInfo("stage4", 16, 2)], bits=12)
        >>> fused = fusion([Level(torch.ones(5, 8, 4, 4)), Level(torch.ones(5, 16, 2, 2))])
        >>> fused.features.shape, len(fused.per_level)
        (torch.Size([5, 12]), 2)
    """

    takes = "levels"
    in_code_space = True

    def __init__(
        self,
        *,
        reduction: int = 16,
        kernel: int = 7,
        outer: Outer = "tanh",
        combine: Combine = "weighted-sum",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if reduction < 1 or kernel < 1 or kernel % 2 == 0:
            raise SettingsError(f"reduction={reduction} must be at least 1, and kernel={kernel} odd and positive")
        check_choice("outer", outer, Outer)
        check_choice("combine", combine, Combine)
        if not 0 <= dropout < 1:
            raise SettingsError(f"dropout={dropout} must be in [0, 1)")
        self.reduction, self.kernel, self.outer, self.combine = reduction, kernel, outer, combine
        self.dropout = dropout
        self.drop = Dropout(dropout)

    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Build the attention of every level and the matrix over them."""
        width = bits
        if self.combine == "concat":
            if bits % len(levels):
                raise SettingsError(
                    f"{bits} bits cannot be shared by {len(levels)} levels; "
                    f"use a multiple of {len(levels)}, or combine='weighted-sum'"
                )
            width = bits // len(levels)
        else:
            self.matrix = nn.Parameter(torch.empty(len(levels), bits))
            nn.init.normal_(self.matrix, mean=1 / len(levels), std=1 / bits)
        self.out_features = bits
        self.attention = nn.ModuleList(_Attention(info, self.reduction, self.kernel) for info in levels)
        self.codes = nn.ModuleList(nn.Linear(info.channels, width) for info in levels)

    def compute(self, levels: Sequence[Level]) -> Fused:
        """All levels -> (B, K) features, and (B, K) per level unless they are concatenated."""
        pooled = [self.drop(attention(level)) for attention, level in zip(self.attention, levels, strict=True)]
        values = [layer(x) for layer, x in zip(self.codes, pooled, strict=True)]
        heads = [torch.tanh(value) for value in values]
        per_level = heads if self.outer == "none" else values
        if self.combine == "concat":
            return Fused(torch.cat(per_level, 1))
        return Fused((torch.stack(heads, 1) * self.matrix).sum(1), tuple(per_level))


class _Attention(nn.Module):
    """A level -> (B, D): attended, then averaged over its positions."""

    def __init__(self, info: LevelInfo, reduction: int, kernel: int) -> None:
        super().__init__()
        hidden = max(info.channels // reduction, 4)
        self.mlp = nn.Sequential(
            nn.Linear(info.channels, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, info.channels, bias=False)
        )
        conv = {1: nn.Conv1d, 2: nn.Conv2d}.get(info.axes)
        self.conv = conv(2, 1, kernel, padding=kernel // 2, bias=False) if conv else None

    def forward(self, level: Level) -> Tensor:
        x = attend_channels(level, self.mlp)
        return x if self.conv is None else attend_positions(x, self.conv).flatten(2).mean(2)
