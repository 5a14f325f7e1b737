"""Fully connected text network on a bag of words."""

from __future__ import annotations

from collections.abc import Sequence

from crossmodal_hash.backbones._dense import Dense


class BowMLP(Dense):
    """Fully connected network on a bag of words, as in DCMH, PRDH, CHN, CMHH and TDH (there 8192 units, no dropout).

    Each hidden layer is Linear, batch norm, ReLU, dropout; its output (B, width) is a level `hidden1`, `hidden2`, ...
    Dropout on the input drops words, the cheapest augmentation for a bag of words. Training needs batches of two or
    more, because of batch norm.

    Args:
        hidden: widths of the hidden layers, one or more, each >= 1.
        dropout_input: share of words dropped in training, in [0, 1).
        dropout: share of hidden units dropped in training, in [0, 1).

    Raises:
        SettingsError: for no hidden layer, one without units, or a share outside [0, 1).
        ShapeError: for rows of another width than at setup.

    Example:
        >>> import torch
        >>> backbone = BowMLP(hidden=(8, 4))
        >>> backbone.setup(in_features=20)
        >>> [tuple(level.x.shape) for level in backbone(torch.ones(2, 20))]
        [(2, 8), (2, 4)]
    """

    reads = "text"

    def __init__(
        self, *, hidden: Sequence[int] = (1024, 512), dropout_input: float = 0.2, dropout: float = 0.5
    ) -> None:
        super().__init__(hidden=hidden, dropout_input=dropout_input, dropout=dropout)
