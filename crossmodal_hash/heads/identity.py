"""No activation."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.contracts import Component


class Identity(Component):
    """Unbounded real codes, as printed in DCMH; only the quantization loss pulls them toward -1 and 1.

    Example:
        >>> import torch
        >>> Identity()(torch.tensor([[0.0, 3.0]]))
        tensor([[0., 3.]])
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, K) -> the same (B, K)."""
        return x
