"""Frozen features on one scale: zero mean and unit deviation over the training set."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crossmodal_hash.errors import ShapeError
from crossmodal_hash.types import Level, LevelInfo

_ROWS = 1024
_LEAST = 1e-6


def moments(x: Tensor, rows: int = _ROWS) -> tuple[Tensor, Tensor]:
    """Mean and population standard deviation of each channel, over items and positions.

    Two passes in float64, `rows` items at a time: stored float16 features are never copied as a whole, and a mean much
    larger than the deviation loses no digits.

    Args:
        x: (N, D, ...) of any float type, N >= 1.
        rows: items per block.

    Returns:
        (D,) and (D,), float32.

    Example:
        >>> moments(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
        (tensor([2., 5.]), tensor([1., 0.]))
    """
    count = x.numel() // x.shape[1]
    mean = torch.zeros(x.shape[1], dtype=torch.float64, device=x.device)
    square = torch.zeros_like(mean)
    for block in torch.split(x, rows):
        mean += block.double().flatten(2).sum((0, 2)) if x.ndim > 2 else block.double().sum(0)
    mean /= count
    for block in torch.split(x, rows):
        values = block.double().flatten(2) if x.ndim > 2 else block.double()[..., None]
        square += (values - mean[:, None]).square().sum((0, 2))
    return mean.float(), (square / count).sqrt().float()


class Standardize(nn.Module):
    """Subtract the training mean and divide by the deviation (+ 1e-6), channel by channel; before `fit`, the identity.

    The grid, the global average and the global maximum of a level have separate statistics. Levels that are still maps
    are condensed first, so features from a cache and from a backbone are treated in the same way. A channel that is
    constant over the training set is only centered: dividing by 1e-6 would let one unusual query dominate everything
    else.

    Args:
        infos: the levels, lowest first.
        grid: cells per side that maps and sequences are condensed to, >= 1.

    Example:
        >>> standardize = Standardize([LevelInfo("hidden1", 1, 0)], grid=2)
        >>> levels = (Level(torch.tensor([[1.0], [3.0]])),)
        >>> standardize.fit(levels)
        >>> standardize(levels)[0].x.flatten()
        tensor([-1.0000,  1.0000])
    """

    def __init__(self, infos: Sequence[LevelInfo], grid: int) -> None:
        super().__init__()
        self.infos, self.grid = tuple(infos), grid
        for i, info in enumerate(self.infos):
            for name in ("x", "average", "maximum") if info.axes else ("x",):
                self.register_buffer(f"mean_{i}_{name}", torch.zeros(info.channels))
                self.register_buffer(f"scale_{i}_{name}", torch.ones(info.channels))

    @torch.no_grad()
    def fit(self, levels: Sequence[Level]) -> None:
        """Fit the statistics to the training features.

        Args:
            levels: one per declared level, (N, D, ...), condensed to this grid, of any float type.

        Raises:
            ShapeError: if the levels are not those declared, or not condensed.
        """
        self._check(levels)
        for i, level in enumerate(levels):
            if self.infos[i].axes and level.average is None:
                raise ShapeError(f"level {self.infos[i].name!r} must be condensed before it is standardized")
            for name, value in level.tensors():
                mean, deviation = moments(value)
                scale = torch.where(deviation > _LEAST, deviation + _LEAST, 1.0)
                self.get_buffer(f"mean_{i}_{name}").copy_(mean)
                self.get_buffer(f"scale_{i}_{name}").copy_(scale)

    def forward(self, levels: Sequence[Level]) -> tuple[Level, ...]:
        """One float32 level for each input level; maps are condensed.

        Raises:
            ShapeError: if the levels are not those declared, or condensed to another grid.
        """
        self._check(levels)
        return tuple(self._one(i, level.condense(self.grid)) for i, level in enumerate(levels))

    def _one(self, i: int, level: Level) -> Level:
        scaled = {}
        for name, value in level.tensors():
            shape = (-1, *(1,) * (value.ndim - 2))
            mean, scale = self.get_buffer(f"mean_{i}_{name}"), self.get_buffer(f"scale_{i}_{name}")
            scaled[name] = (value.float() - mean.view(shape)) / scale.view(shape)
        return Level(**scaled)

    def _check(self, levels: Sequence[Level]) -> None:
        given = [(level.x.shape[1], level.axes) for level in levels]
        declared = [(info.channels, info.axes) for info in self.infos]
        if given != declared:
            raise ShapeError(f"expected levels (channels, axes) {declared} but got {given}")
