"""Fully connected layers, each output a level; shared by `bow-mlp`, `channels-mlp`, `label-mlp` and `mlp`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from crossmodal_hash.backbones._inputs import check_rows
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.dropout import Dropout
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.types import LevelInfo


def check_shares(**shares: float) -> None:
    """Reject shares to drop outside [0, 1).

    Raises:
        SettingsError: naming all of them.
    """
    if not all(0 <= share < 1 for share in shares.values()):
        given = " and ".join(f"{name}={share}" for name, share in shares.items())
        raise SettingsError(f"{given} must be in [0, 1)")


class Dense(Backbone):
    """Dropout, then Linear, batch norm, ReLU and dropout for each hidden layer; each layer's output is a level."""

    def __init__(self, *, hidden: Sequence[int], dropout_input: float, dropout: float) -> None:
        super().__init__()
        if not hidden or min(hidden) < 1:
            raise SettingsError(f"hidden={list(hidden)} needs at least one width, each at least 1; try hidden=[512]")
        check_shares(dropout_input=dropout_input, dropout=dropout)
        self.hidden, self.dropout_input, self.dropout = tuple(hidden), dropout_input, dropout
        self.levels = tuple(LevelInfo(f"hidden{i + 1}", width, 0) for i, width in enumerate(self.hidden))

    def setup(self, in_features: int) -> None:
        """Build the layers for rows of this width."""
        self.in_features = in_features
        self.drop = Dropout(self.dropout_input)
        widths = (in_features, *self.hidden)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(), Dropout(self.dropout))
            for a, b in zip(widths, self.hidden, strict=False)
        )

    def compute(self, x: Tensor) -> Sequence[Tensor]:
        """(B, in_features) -> one (B, width) per hidden layer."""
        check_rows(x, self.in_features)
        return self.run(self.drop(x.float()))

    def run(self, x: Tensor) -> list[Tensor]:
        """The output of every layer for these rows, after dropout on the input."""
        outputs = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        return outputs
