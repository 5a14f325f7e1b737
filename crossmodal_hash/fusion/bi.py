"""Bilinear interaction of all pairs of levels (HSIDHN's first form)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from crossmodal_hash.contracts import Fusion
from crossmodal_hash.fusion._interaction import Interaction, Norm, check
from crossmodal_hash.types import LevelInfo


class BI(Fusion):
    """Bilinear interaction of every pair of levels, concatenated (HSIDHN eq. 10 and 11).

    The one-directional form, which the paper improves with `bbi`; three levels give three pairs. A single level
    interacts with itself, I(x1, x1) (eq. 3).

    Args:
        rank: width of every interaction, >= 1.
        norm: after each interaction: `bn` batch norm; `none`; `signed-sqrt-l2` as in bilinear pooling.

    Raises:
        SettingsError: for a rank below 1 or an unknown normalization.

    Example:
        >>> fusion = BI(rank=8)
        >>> fusion.setup([LevelInfo(f"stage{i}", 4, 0) for i in (2, 3, 4)], bits=16)
        >>> fusion([torch.ones(5, 4)] * 3).features.shape
        torch.Size([5, 24])
    """

    def __init__(self, *, rank: int = 512, norm: Norm = "bn") -> None:
        super().__init__()
        check(rank, norm)
        self.rank, self.norm = rank, norm

    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Build K (K - 1) / 2 interactions for K levels; `bits` does not matter here."""
        self.pairs = list(combinations(range(len(levels)), 2)) or [(0, 0)]
        self.interactions = nn.ModuleList(
            Interaction(levels[i].channels, levels[j].channels, self.rank, self.norm) for i, j in self.pairs
        )
        self.out_features = self.rank * len(self.pairs)

    def compute(self, levels: Sequence[Tensor]) -> Tensor:
        """One (B, D_k) per level -> (B, rank * pairs), pairs in the order 12, 13, 23."""
        terms = zip(self.interactions, self.pairs, strict=True)
        return torch.cat([interaction(levels[i], levels[j]) for interaction, (i, j) in terms], 1)
