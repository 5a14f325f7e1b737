"""From a pooled level to the width that all levels of a tower share."""

from __future__ import annotations

from torch import Tensor, nn

from crossmodal_hash.dropout import Dropout
from crossmodal_hash.errors import SettingsError


class Projection(nn.Module):
    """Linear, batch norm, ReLU and dropout: the smallest layer for what HSIDHN calls "fusion" of scales.

    Training needs batches of two or more, because of batch norm.

    Args:
        in_features: width of the pooled level.
        width: width of the vector, >= 1; 256 on a frozen backbone, 512 otherwise.
        dropout: share of values dropped in training, in [0, 1).
        input_dropout: the same for the input values.

    Raises:
        SettingsError: for a width or a share outside its range.

    Example:
        >>> import torch
        >>> Projection(20, 4, dropout=0.3).eval()(torch.ones(2, 20)).shape
        torch.Size([2, 4])
    """

    def __init__(self, in_features: int, width: int, dropout: float, *, input_dropout: float = 0.0) -> None:
        super().__init__()
        if width < 1 or not 0 <= dropout < 1 or not 0 <= input_dropout < 1:
            raise SettingsError(
                f"width={width} must be at least 1, dropout={dropout} and input_dropout={input_dropout} in [0, 1)"
            )
        self.layers = nn.Sequential(
            Dropout(input_dropout),
            nn.Linear(in_features, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_features) -> (B, width)."""
        out: Tensor = self.layers(x)
        return out
