"""What flows between the stages: levels of a backbone, fused features, codes before the sign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as nnf

from crossmodal_hash.errors import ShapeError


class LevelInfo(NamedTuple):
    """What a backbone declares about one of its levels before it sees data.

    Attributes:
        name: unique within the backbone, such as `stage3`.
        channels: D, the width of the level.
        axes: 0 for vectors (B, D), 1 for sequences (B, D, L), 2 for maps (B, D, H, W).
    """

    name: str
    channels: int
    axes: int


def cells(length: int, side: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(length, side): weight of each position in each cell's average; cells overlap if side does not divide length.

    Example:
        >>> cells(3, 2, torch.device("cpu"), torch.float32).tolist()
        [[0.5, 0.0], [0.5, 0.5], [0.0, 0.5]]
    """
    return nnf.adaptive_avg_pool1d(torch.eye(length, device=device), side).to(dtype)


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a backbone for a batch: a map, or a coarse grid of it with its exact global statistics.

    A frozen backbone is run once and each map is condensed to a small grid. Adaptive cells overlap when the map's side
    is not a multiple of the grid's, so the global average and maximum cannot be recovered from the grid and are kept
    beside it.

    Attributes:
        x: (B, D) vectors, (B, D, L) sequences or (B, D, H, W) maps.
        average: (B, D) mean over all positions, if x is a condensed grid; otherwise None, and computed from x.
        maximum: (B, D) maximum over all positions, in the same way.

    Example:
        >>> level = Level(torch.arange(8.0).reshape(1, 2, 2, 2))
        >>> level.mean(), level.max()
        (tensor([[1.5000, 5.5000]]), tensor([[3., 7.]]))
    """

    x: Tensor
    average: Tensor | None = None
    maximum: Tensor | None = None

    @property
    def axes(self) -> int:
        """0 for vectors, 1 for sequences, 2 for maps."""
        return self.x.ndim - 2

    def mean(self) -> Tensor:
        """(B, D), the average over all positions of the original map."""
        if self.average is not None:
            return self.average
        return self.x.flatten(2).mean(2) if self.axes else self.x

    def max(self) -> Tensor:
        """(B, D), the maximum over all positions of the original map."""
        if self.maximum is not None:
            return self.maximum
        return self.x.flatten(2).amax(2) if self.axes else self.x

    def grid(self, side: int) -> Tensor:
        """(B, D, side) or (B, D, side, side): averages over a grid of cells; vectors are returned unchanged.

        Raises:
            ShapeError: if this level is condensed to a coarser grid than requested.
        """
        if self.axes == 0:
            return self.x
        have = self.x.shape[-1]
        if side == have and self.x.shape[2:] == (side,) * self.axes:
            return self.x
        if self.average is not None and side > 1:
            raise ShapeError(
                f"a grid of side {side} was requested from features stored with side {have}; "
                f"set train.cache_grid={side} or train without --freeze-backbone"
            )
        if side == 1:
            return self.mean().reshape(*self.x.shape[:2], *(1,) * self.axes)
        if self.axes == 1:
            # One product with the cells' weights; PyTorch's pooling takes eight times as long on short sequences.
            return self.x @ cells(have, side, self.x.device, self.x.dtype)
        return nnf.adaptive_avg_pool2d(self.x, side)

    def condense(self, side: int) -> Level:
        """The level as a grid of `side` cells per side, with its exact global average and maximum beside it."""
        return Level(self.grid(side), self.mean(), self.max()) if self.axes else self

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors that are present, by the name of their field."""
        for name in ("x", "average", "maximum"):
            value = getattr(self, name)
            if value is not None:
                yield name, value

    def rows(self, index: Tensor) -> Level:
        """The rows `index` (M,)."""
        return Level(**{name: value[index] for name, value in self.tensors()})

    def take(self, index: Tensor) -> Level:
        """The rows `index` (M,), as float32, whatever precision they are stored in."""
        return Level(**{name: value[index].float() for name, value in self.tensors()})

    def where(self, mask: Tensor, other: Level) -> Level:
        """The rows where `mask` (B,) is true, and those of `other` elsewhere."""
        theirs = dict(other.tensors())
        return Level(
            **{
                name: torch.where(mask.reshape(-1, *(1,) * (value.ndim - 1)), value, theirs[name])
                for name, value in self.tensors()
            }
        )

    def to(self, device: torch.device) -> Level:
        """The level on another device; asynchronous if it is in pinned memory."""
        return Level(**{name: value.to(device, non_blocking=True) for name, value in self.tensors()})


Levels = tuple[Level, ...]
TowerInput = Tensor | Levels
"""What a tower takes: the raw modality (B, ...), or the levels of a backbone that has already run."""


class Fused(NamedTuple):
    """What a fusion block returns.

    Attributes:
        features: (B, D).
        per_level: one (B, K) for each level, before the head's activation, from blocks that end in code space;
            otherwise empty.
    """

    features: Tensor
    per_level: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class HashOutput:
    """What a tower returns.

    Attributes:
        u: (B, K) real codes before the sign, of the fused head; these are stored.
        per_level: (B, K) for each level head, lowest level first; empty for methods that supervise one head.
        features: (B, D), the fused features before the hash head.
        z: (B, K), what the fused head is applied to.
    """

    u: Tensor
    per_level: tuple[Tensor, ...] = ()
    features: Tensor | None = None
    z: Tensor | None = None

    def heads(self) -> tuple[Tensor, ...]:
        """The fused head first, then the level heads."""
        return (self.u, *self.per_level)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some items of a data set, ready for the towers.

    Attributes:
        inputs: modality name -> (B, ...) tensor, or the levels of a frozen backbone.
        rows: (B,) positions of the items in the training set.
    """

    inputs: Mapping[str, TowerInput]
    rows: Tensor
