"""Dropout of whole channels of a level, for blocks that take the levels themselves."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from crossmodal_hash.dropout import dropout
from crossmodal_hash.types import Level


def drop_channels(level: Level, p: float) -> Level:
    """Zero a random share of the channels of each item and scale the others up, like `dropout` for values.

    A channel is dropped as a whole: its values, its average and its maximum share one draw, so that dropped values
    cannot be recovered from the statistics beside a condensed grid.

    Args:
        level: (B, D, ...).
        p: share of the channels that become 0, in [0, 1).

    Returns:
        Same shapes as `level`.

    Example:
        >>> import torch
        >>> dropped = drop_channels(Level(torch.ones(100, 8, 3, 3)), 0.5)
        >>> sorted(set(dropped.x.flatten().tolist())), torch.equal(dropped.x.amax((2, 3)), dropped.x.amin((2, 3)))
        ([0.0, 2.0], True)
    """
    mask = dropout(level.x.new_ones(level.x.shape[:2]), p)
    return Level(**{name: x * mask.to(x.dtype).view(*mask.shape, *(1,) * (x.ndim - 2)) for name, x in level.tensors()})


class ChannelDropout(nn.Module):
    """`drop_channels` of every level in training, the identity otherwise.

    Args:
        p: share of channels that become 0, in [0, 1).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, levels: Sequence[Level]) -> tuple[Level, ...]:
        """Same shapes as the levels; each level has its own draws."""
        return tuple(drop_channels(level, self.p) for level in levels) if self.training and self.p else tuple(levels)
