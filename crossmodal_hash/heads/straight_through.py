"""Binary codes in training, with a surrogate gradient."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import Component

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


class StraightThrough(Component):
    """Binary codes already in training: the sign forward, the gradient of a smooth surrogate backward.

    Args:
        gradient: `tanh`, or `identity` (clipped to [-1, 1]).

    Raises:
        SettingsError: for another gradient.

    Example:
        >>> StraightThrough()(torch.tensor([[-0.2, 0.0, 3.0]]))
        tensor([[-1.,  1.,  1.]])
    """

    def __init__(self, *, gradient: Gradient = "tanh") -> None:
        super().__init__()
        check_choice("gradient", gradient, Gradient)
        self.gradient = gradient

    def forward(self, x: Tensor) -> Tensor:
        """(B, K) -> (B, K) in {-1, 1}."""
        return straight_through(x, self.gradient)
