"""Fully connected text network on a multi-scale bag of words."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from crossmodal_hash.backbones._dense import Dense
from crossmodal_hash.backbones._inputs import check_rows
from crossmodal_hash.backbones.multi_scale import Interpolation, MultiScale, Rescale, Tail


class ChannelsMLP(Dense):
    """Fully connected network on a multi-scale bag of words, as in SSAH and MLSPH (there 4096 and 512 units).

    The bag of words is seen through windows of several widths (see `multi_scale`); a convolution as long as the
    vocabulary over these S channels is one linear layer on S x L numbers. Each hidden layer is Linear, batch norm,
    ReLU, dropout; its output is a level `hidden1`, `hidden2`, ... Batch norm needs training batches of two or more.

    Args:
        hidden: widths of the hidden layers, one or more, each >= 1.
        pool_sizes: window widths, each >= 1.
        tail: `ceil` keeps an incomplete last window, `floor` drops it.
        interpolation: back to the width of the vocabulary: `linear`, `linear-aligned` or `nearest`.
        rescale: of wider windows: `none`, `sqrt` or `sum`.
        dropout_input: share of words dropped in training, in [0, 1).
        dropout: share of hidden units dropped in training, in [0, 1).

    Raises:
        SettingsError: for no hidden layer, an empty window, an unknown choice, or a share outside [0, 1).
        ShapeError: for rows of another width than at setup.

    Example:
        >>> import torch
        >>> backbone = ChannelsMLP(hidden=(8, 4), pool_sizes=(1, 5))
        >>> backbone.setup(in_features=20)
        >>> [tuple(level.x.shape) for level in backbone(torch.ones(2, 20))]
        [(2, 8), (2, 4)]
    """

    reads = "text"

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (4096, 512),
        pool_sizes: Sequence[int] = (1, 5, 10, 15, 30, 50),
        tail: Tail = "ceil",
        interpolation: Interpolation = "linear",
        rescale: Rescale = "none",
        dropout_input: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(hidden=hidden, dropout_input=dropout_input, dropout=dropout)
        self.scales = MultiScale(
            pool_sizes, tail=tail, interpolation=interpolation, rescale=rescale, stacking="channels"
        )
        self.pool_sizes, self.tail, self.interpolation, self.rescale = tuple(pool_sizes), tail, interpolation, rescale

    def setup(self, in_features: int) -> None:
        """Build the layers for a vocabulary of this size."""
        self.scales.fits(in_features)
        self.words = in_features
        super().setup(in_features * len(self.pool_sizes))

    def compute(self, x: Tensor) -> Sequence[Tensor]:
        """(B, L) -> one (B, width) per hidden layer."""
        check_rows(x, self.words)
        # Words are dropped before the windows: afterwards their neighbors would give them away.
        return self.run(self.scales(self.drop(x.float())).flatten(1))
