"""Fully connected network on feature vectors from any source."""

from __future__ import annotations

from collections.abc import Sequence

from crossmodal_hash.backbones._dense import Dense


class MLP(Dense):
    """Fully connected network on feature vectors (B, D): CNN-F or CLIP features, audio embeddings, anything.

    Like `bow-mlp`, but by default nothing is dropped from the input: unlike words, the values of a dense feature are
    not interchangeable. Their units do not matter: the tower standardizes each column over the training items.

    Args:
        hidden: widths of the hidden layers, one or more, each >= 1.
        dropout_input: share of input values dropped in training, in [0, 1).
        dropout: share of hidden units dropped in training, in [0, 1).

    Raises:
        SettingsError: for no hidden layer, one without units, or a share outside [0, 1).
        ShapeError: for rows of another width than at setup.

    Example:
        >>> import torch
        >>> backbone = MLP(hidden=(8,))
        >>> backbone.setup(in_features=3)
        >>> backbone(torch.ones(2, 3))[0].x.shape
        torch.Size([2, 8])
    """

    reads = "vector"

    def __init__(
        self, *, hidden: Sequence[int] = (1024, 512), dropout_input: float = 0.0, dropout: float = 0.5
    ) -> None:
        super().__init__(hidden=hidden, dropout_input=dropout_input, dropout=dropout)
