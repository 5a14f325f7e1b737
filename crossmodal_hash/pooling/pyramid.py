"""Pyramid pooling: one vector from a level, at several resolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as nnf

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import Pooling
from crossmodal_hash.errors import SettingsError, ShapeError
from crossmodal_hash.types import Level, LevelInfo

Mode = Literal["average", "max"]


def pyramid(level: Level, bins: Sequence[int] = (1, 2), mode: Mode = "average") -> Tensor:
    """Pool a level to a grid for each bin and concatenate them; vectors are returned unchanged.

    A condensed level keeps only the global maximum, so `max` then allows only bin 1.

    Args:
        level: (B, D), (B, D, L) or (B, D, H, W).
        bins: cells per side; HSIDHN cites spatial pyramid pooling (He et al., ECCV 2014) without the sizes.
        mode: the statistic of a cell.

    Returns:
        (B, D * cells), the cells of a channel next to each other within a bin.

    Raises:
        ShapeError: if a condensed level does not have these values.

    Example:
        >>> pyramid(Level(torch.arange(4.0).reshape(1, 1, 2, 2)))
        tensor([[1.5000, 0.0000, 1.0000, 2.0000, 3.0000]])
    """
    if level.axes == 0:
        return level.x
    cell = level.grid if mode == "average" else lambda side: _maxima(level, side)
    return torch.cat([cell(side).flatten(1) for side in bins], 1)


class Pyramid(Pooling):
    """Average (or maximum) over a pyramid of grids: 1 and 2 cells per side give 5 values per channel of a map.

    Args:
        bins: cells per side of each grid, >= 1; (1,) is global pooling.
        mode: `average`, or `max` (on a condensed level only with bins = (1,)).

    Raises:
        SettingsError: for no bins, an empty bin, or an unknown mode.

    Example:
        >>> pool = Pyramid(bins=(1, 2))
        >>> pool.width(LevelInfo("stage4", 512, 2)), pool.width(LevelInfo("hidden1", 512, 0))
        (2560, 512)
    """

    def __init__(self, *, bins: Sequence[int] = (1, 2), mode: Mode = "average") -> None:
        super().__init__()
        if not bins or min(bins) < 1:
            raise SettingsError(f"bins={list(bins)} needs at least one number of cells, each at least 1")
        check_choice("mode", mode, Mode)
        self.bins, self.mode = tuple(bins), mode

    def width(self, info: LevelInfo) -> int:
        """Length of the pooled vector: channels x (sum over bins of side ** axes), or the channels of a vector."""
        return info.channels * (sum(side**info.axes for side in self.bins) if info.axes else 1)

    def forward(self, level: Level) -> Tensor:
        """A level -> (B, width)."""
        return pyramid(level, self.bins, self.mode)


def _maxima(level: Level, side: int) -> Tensor:
    if side == 1:
        return level.max()
    if level.maximum is not None:
        raise ShapeError(
            f"maxima over a grid of side {side} were requested from stored features, which keep only the global "
            "maximum; use mode='average', bins=[1], or train without --freeze-backbone"
        )
    pool = nnf.adaptive_max_pool1d if level.axes == 1 else nnf.adaptive_max_pool2d
    out: Tensor = pool(level.x, side)
    return out
