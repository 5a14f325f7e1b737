"""Bidirectional bilinear interaction of levels (HSIDHN)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import Fusion
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.fusion._interaction import Interaction, Norm, check, normalizer
from crossmodal_hash.types import LevelInfo

Share = Literal["none", "levels"]
T = TypeVar("T")


class BBI(Fusion):
    """Bidirectional bilinear interaction of levels (HSIDHN eq. 12 and 13, Chen et al., PeerJ CS 2021).

    Bottom-up, z = I(x1, x2), then z = I(z, x3) and so on to the last level; top-down the same from the last level to
    the first, with its own weights; both results are concatenated. The paper's P is the tower's hash layer.
    The printed top-down chain uses the first level twice; we treat that as a misprint. A single level interacts with
    itself, I(x1, x1) (eq. 3).

    With `positions`, levels interact position by position with the same weights, and the results of both chains are
    averaged over positions: the `pool` of eq. 8 and 9. Levels must then be pooled to one grid and not projected:
    `pooling = { name = "pyramid", bins = [2] }`, `width = 0`, and 4 positions for maps, 2 for sequences.

    Args:
        rank: width of every interaction, >= 1; the authors' code has 2048.
        norm: after each interaction: `bn` batch norm; `none`; `signed-sqrt-l2` as in bilinear pooling.
        share: `none` gives each of the 2 (K - 1) interactions its own two projections; `levels` (the authors' code)
            one projection per level for both directions, and one between steps.
        positions: P, number of positions of each channel in every level, one channel after the other; 1: vectors.

    Raises:
        SettingsError: for a rank or positions below 1, an unknown choice, or a level that cannot have P positions.

    Example:
        >>> fusion = BBI(rank=8)
        >>> fusion.setup([LevelInfo(f"stage{i}", 4, 0) for i in (2, 3, 4)], bits=16)
        >>> fusion([torch.ones(5, 4)] * 3).features.shape
        torch.Size([5, 16])
    """

    def __init__(self, *, rank: int = 512, norm: Norm = "bn", share: Share = "none", positions: int = 1) -> None:
        super().__init__()
        check(rank, norm)
        check_choice("share", share, Share)
        if positions < 1:
            raise SettingsError(f"positions={positions} must be at least 1; use 1 for vectors")
        self.rank, self.norm, self.share, self.positions = rank, norm, share, positions

    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Build 2 (K - 1) interactions for K levels; `bits` does not matter here."""
        for info in levels:
            if info.channels % self.positions:
                raise SettingsError(
                    f"level {info.name!r} has {info.channels} values, which cannot be {self.positions} positions of "
                    f"each channel; pool it to one grid with this number of cells, with width 0"
                )
        widths = [info.channels // self.positions for info in _pair_up(levels)]
        self.out_features = 2 * self.rank
        if self.share == "none":
            self.up: nn.Module = _Chain(widths, self.rank, self.norm)
            self.down: nn.Module = _Chain(widths[::-1], self.rank, self.norm)
        else:
            self.inputs = nn.ModuleList(nn.Linear(width, self.rank) for width in widths)
            # Two levels meet once in each direction: there is no step for it to stand between.
            self.between = nn.Linear(self.rank, self.rank) if len(widths) > 2 else nn.Identity()
            self.up, self.down = (_SharedChain(len(widths) - 1, self.rank, self.norm) for _ in range(2))

    def compute(self, levels: Sequence[Tensor]) -> Tensor:
        """One (B, D_k) or (B, D_k * P) per level, lowest first -> (B, 2 * rank)."""
        if self.positions == 1:
            return self._both_ways(_pair_up(levels))
        # Places are items to the interactions; batch norm takes its statistics over both, as it does of maps.
        rows = [x.view(len(x), -1, self.positions).transpose(1, 2).flatten(0, 1) for x in _pair_up(levels)]
        return self._both_ways(rows).view(-1, self.positions, self.out_features).mean(1)

    def _both_ways(self, xs: list[Tensor]) -> Tensor:
        if self.share == "none":
            return torch.cat([self.up(xs), self.down(xs[::-1])], 1)
        projected = [layer(x) for layer, x in zip(self.inputs, xs, strict=True)]
        return torch.cat([self.up(projected, self.between), self.down(projected[::-1], self.between)], 1)


class _Chain(nn.Module):
    """Interact the first two, then the result with each that follows."""

    def __init__(self, widths: Sequence[int], rank: int, norm: Norm) -> None:
        super().__init__()
        firsts = [widths[0], *[rank] * (len(widths) - 2)]
        self.steps = nn.ModuleList(Interaction(a, b, rank, norm) for a, b in zip(firsts, widths[1:], strict=True))

    def forward(self, xs: Sequence[Tensor]) -> Tensor:
        z = xs[0]
        for step, x in zip(self.steps, xs[1:], strict=True):
            z = step(z, x)
        return z


class _SharedChain(nn.Module):
    """The same for levels that are already projected; `between` is applied to each intermediate result."""

    def __init__(self, steps: int, rank: int, norm: Norm) -> None:
        super().__init__()
        self.norms = nn.ModuleList(normalizer(norm, rank) for _ in range(steps))

    def forward(self, xs: Sequence[Tensor], between: nn.Module) -> Tensor:
        z = xs[0]
        for i, (norm, x) in enumerate(zip(self.norms, xs[1:], strict=True)):
            z = norm((between(z) if i else z) * x)
        return z


def _pair_up(levels: Sequence[T]) -> list[T]:
    return list(levels) * 2 if len(levels) == 1 else list(levels)
