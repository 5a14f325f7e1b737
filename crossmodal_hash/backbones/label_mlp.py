"""Fully connected network on labels, for a tower that guides the others."""

from __future__ import annotations

from collections.abc import Sequence

from crossmodal_hash.backbones._dense import Dense


class LabelMLP(Dense):
    """Fully connected network on label vectors (B, C), like SSAH's label network (there 4096 units).

    Labels are known only in training, so a tower with it guides the others and is never used to encode. Each hidden
    layer is Linear, batch norm, ReLU, dropout; its output (B, width) is a level. Training needs batches of two or more.

    Args:
        hidden: widths of the hidden layers, one or more, each >= 1.
        dropout: share of hidden units dropped in training, in [0, 1).

    Raises:
        SettingsError: for no hidden layer, one without units, or a share outside [0, 1).
        ShapeError: for rows of another width than at setup.

    Example:
        >>> import torch
        >>> backbone = LabelMLP(hidden=(8,))
        >>> backbone.setup(in_features=24)
        >>> backbone(torch.ones(2, 24))[0].x.shape
        torch.Size([2, 8])
    """

    reads = "label"

    def __init__(self, *, hidden: Sequence[int] = (4096,), dropout: float = 0.0) -> None:
        super().__init__(hidden=hidden, dropout_input=0.0, dropout=dropout)
