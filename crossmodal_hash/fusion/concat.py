"""All levels, concatenated."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crossmodal_hash.contracts import Fusion
from crossmodal_hash.types import LevelInfo


class Concat(Fusion):
    """All levels concatenated: several levels without interaction.

    The baseline that separates the gain of using several levels from the gain of their interaction (HSIDHN's ablation
    removes both at once).

    Example:
        >>> fusion = Concat()
        >>> fusion.setup([LevelInfo("stage3", 4, 0), LevelInfo("stage4", 6, 0)], bits=16)
        >>> fusion([torch.ones(5, 4), torch.ones(5, 6)]).features.shape
        torch.Size([5, 10])
    """

    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Sum the widths; there is nothing to build."""
        self.out_features = sum(info.channels for info in levels)

    def compute(self, levels: Sequence[Tensor]) -> Tensor:
        """One (B, D_k) per level -> (B, sum of D_k)."""
        return torch.cat(list(levels), 1)
