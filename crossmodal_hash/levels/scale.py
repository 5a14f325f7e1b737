"""The scale of a matrix from another source: fitted on the training items, saved with the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEAST = 1e-6
"""A column with less than this share of the largest deviation counts as constant: rounding, not a feature."""


class Scale(nn.Module):
    """(x - mean) / scale, the identity before `fit`; both are buffers named `input_...`.

    Args:
        width: D, for each column separately; None: one factor for all values and no mean, so that zeros stay zeros.

    Example:
        >>> scale = Scale(2)
        >>> scale.fit(torch.tensor([[1.0, 200.0], [3.0, 400.0]]))
        >>> scale(torch.tensor([[2.0, 400.0]]))
        tensor([[0., 1.]])
    """

    def __init__(self, width: int | None = None) -> None:
        super().__init__()
        shape = () if width is None else (width,)
        self.register_buffer("input_mean", torch.zeros(shape))
        self.register_buffer("input_scale", torch.ones(shape))

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Fit mean and deviation of each column of (N, D), or the mean magnitude of all nonzero values.

        With the second rule, a matrix of zeros and ones is not scaled. A constant column is only centered.
        """
        x = x.double()
        if self.get_buffer("input_mean").ndim:
            mean, deviation = x.mean(0), x.std(0, correction=0)
            scale = torch.where(deviation > _LEAST * deviation.max(), deviation, 1.0)
            self.get_buffer("input_mean").copy_(mean)
        else:
            magnitudes = x[x != 0].abs()
            scale = magnitudes.mean() if len(magnitudes) else torch.ones(())
        self.get_buffer("input_scale").copy_(scale)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) of any type -> (B, D) float32."""
        return (x.float() - self.get_buffer("input_mean")) / self.get_buffer("input_scale")
