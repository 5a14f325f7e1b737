"""A hash head for each level, weighted bit by bit by a learned matrix (SCAHN)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import Fusion
from crossmodal_hash.types import Fused, LevelInfo

Outer = Literal["tanh", "none"]


class AttentionMatrix(Fusion):
    """A hash head for each level, weighted bit by bit by a learned matrix (SCAHN, Wang et al., Neurocomputing 2020).

    Each level passes batch norm, a linear layer to K values and tanh: h_k. A matrix W (levels, K), initialized around
    1 / levels, weights them: u = tanh(sum_k W_k h_k). `cbam` adds attention within each level.

    The features already have K values, so the tower only applies its head, and `outer` must fit the head: use `tanh`
    with the head `tanh`, `none` (SCAHN's form, u = sum_k W_k h_k) with the head `identity`.

    Args:
        outer: `tanh` or `none`, see above.

    Raises:
        SettingsError: for another `outer`.

    Example:
        >>> fusion = AttentionMatrix()
        >>> fusion.setup([LevelInfo("stage3", 8, 0), LevelInfo("stage4", 16, 0)], bits=12)
        >>> fused = fusion([torch.ones(5, 8), torch.ones(5, 16)])
        >>> fused.features.shape, len(fused.per_level)
        (torch.Size([5, 12]), 2)
    """

    in_code_space = True

    def __init__(self, *, outer: Outer = "tanh") -> None:
        super().__init__()
        check_choice("outer", outer, Outer)
        self.outer = outer

    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Build a head for every level, and the matrix over them."""
        self.out_features = bits
        self.heads = nn.ModuleList(
            nn.Sequential(nn.BatchNorm1d(info.channels), nn.Linear(info.channels, bits)) for info in levels
        )
        self.matrix = nn.Parameter(torch.empty(len(levels), bits))
        nn.init.normal_(self.matrix, mean=1 / len(levels), std=1 / bits)

    def compute(self, levels: Sequence[Tensor]) -> Fused:
        """One (B, D_k) per level -> (B, K) features, and (B, K) per level."""
        values = [head(x) for head, x in zip(self.heads, levels, strict=True)]
        squashed = [torch.tanh(value) for value in values]
        per_level = squashed if self.outer == "none" else values
        return Fused((torch.stack(squashed, 1) * self.matrix).sum(1), tuple(per_level))
