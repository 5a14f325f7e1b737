"""Binary codes in training, with a surrogate gradient."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import Component
from crossmodal_hash.surrogate import Gradient, straight_through


class StraightThrough(Component):
    """Binary codes already in training: the sign forward, the gradient of a smooth surrogate backward.

    Args:
        gradient: `tanh`, or `identity` (clipped to [-1, 1]).

    Raises:
        SettingsError: for another gradient.

    Example:
        >>> import torch
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
