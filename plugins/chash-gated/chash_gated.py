"""Fusion block `gated` for crossmodal_hash: the weight of each level depends on the item."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crossmodal_hash.contracts import Fusion
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.types import LevelInfo


class Gated(Fusion):
    """Sum of projected levels, weighted for each item by a softmax over levels (after Arevalo et al., ICLR 2017).

    Each level passes a linear layer and tanh; the gates, one per level, are a linear map of all concatenated levels,
    and sum to 1. A single level is not weighted.

    Args:
        width: width of the sum, >= 1.

    Raises:
        SettingsError: for a width below 1.

    Example:
        >>> fusion = Gated(width=8)
        >>> fusion.setup([LevelInfo("stage3", 4, 0), LevelInfo("stage4", 6, 0)], bits=16)
        >>> fusion([torch.ones(5, 4), torch.ones(5, 6)]).features.shape
        torch.Size([5, 8])
    """

    def __init__(self, *, width: int = 512) -> None:
        super().__init__()
        if width < 1:
            raise SettingsError(f"width is {width}; use at least 1")
        self.width = width

    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Build a projection for every level and the gates; `bits` does not matter here."""
        self.out_features = self.width
        self.projections = nn.ModuleList(nn.Linear(info.channels, self.width) for info in levels)
        # One level has nothing to be weighed against, and a gate that is always 1 would learn nothing.
        together = sum(info.channels for info in levels)
        self.gates = nn.Linear(together, len(levels)) if len(levels) > 1 else None

    def compute(self, levels: Sequence[Tensor]) -> Tensor:
        """One (B, D_k) per level -> (B, width)."""
        projected = torch.stack([torch.tanh(f(x)) for f, x in zip(self.projections, levels, strict=True)], 1)
        if self.gates is None:
            return projected[:, 0]
        weights: Tensor = self.gates(torch.cat(list(levels), 1)).softmax(1)
        return (weights[..., None] * projected).sum(1)
