"""A way around the layers that learn: a fixed linear code of frozen features, added before the hash head."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Shortcut(nn.Module):
    """x -> x weight.T + bias, neither of which is trained; before `fit`, 0.

    Layers that learn from some thousand texts are right about those and about words like theirs. The frozen features
    know many more words, and a linear map of them keeps what they know: texts that are near each other there get codes
    that are near each other, whether or not such a text was trained on. The layers beside it learn what has to be added
    to it, as in residual networks (He et al., CVPR 2016).

    Args:
        width: D, of the pooled levels of a frozen backbone together.
        bits: K.
        scale: root mean square of the values that it adds over the training items, > 0; those of the layers that learn
            are about 1 where the head is tanh.

    Example:
        >>> shortcut = Shortcut(2, 3, scale=0.5)
        >>> shortcut(torch.ones(4, 2)).shape
        torch.Size([4, 3])
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, width: int, bits: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("weight", torch.zeros(bits, width))
        self.register_buffer("bias", torch.zeros(bits))

    @torch.no_grad()
    def fit(self, mean: Tensor, projection: Tensor, deviation: float) -> None:
        """Take over a projection of centered features.

        Args:
            mean: (D,).
            projection: (D, K).
            deviation: root mean square of what it gives for the training items, >= 0; 0 if they are all the same.
        """
        self.weight.copy_(projection.T * (self.scale / deviation if deviation > 0 else 0.0))
        self.bias.copy_(-(self.weight.double() @ mean.double()))

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, K)."""
        return x @ self.weight.T + self.bias
