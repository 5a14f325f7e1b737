"""The sign with a surrogate gradient, for heads and losses that see binary codes already in training."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Gradient = Literal["tanh", "identity"]


def straight_through(x: Tensor, gradient: Gradient = "tanh") -> Tensor:
    """The sign of x, +1 at 0, with the gradient of a smooth surrogate (Bengio et al., arXiv 1308.3432).

    Args:
        x: (B, K), any real range.
        gradient: `tanh`, 1 - tanh(x)^2; `identity`, 1 inside [-1, 1] and 0 outside.

    Returns:
        (B, K) in {-1, 1}.

    Example:
        >>> straight_through(torch.tensor([[-0.2, 0.0, 3.0]]))
        tensor([[-1.,  1.,  1.]])
    """
    smooth = torch.tanh(x) if gradient == "tanh" else x.clamp(-1, 1)
    sign = torch.where(x >= 0, 1.0, -1.0).to(x.dtype)
    # In this order the two smooth terms cancel exactly, and the value is -1 or 1 to the last bit.
    return sign + (smooth - smooth.detach())
