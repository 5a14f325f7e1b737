"""Only the last level."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from crossmodal_hash.contracts import Fusion
from crossmodal_hash.types import LevelInfo


class Last(Fusion):
    """Only the last level, as in DCMH and most networks before HSIDHN; lower levels are ignored.

    Example:
        >>> import torch
        >>> fusion = Last()
        >>> fusion.setup([LevelInfo("stage3", 4, 0), LevelInfo("stage4", 6, 0)], bits=16)
        >>> fusion([torch.ones(5, 4), torch.ones(5, 6)]).features.shape
        torch.Size([5, 6])
    """

    uses_every_level = False

    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Take the last level's width; there is nothing to build."""
        self.out_features = levels[-1].channels

    def compute(self, levels: Sequence[Tensor]) -> Tensor:
        """One (B, D_k) per level -> (B, D_K)."""
        return levels[-1]
