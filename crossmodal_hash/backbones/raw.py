"""No network: the input is the only level."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from crossmodal_hash.backbones._inputs import check_rows
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.types import LevelInfo


class Raw(Backbone):
    """Unchanged feature vectors or word counts (B, D), for the closed-form methods.

    Words of a text are already counted as present or absent; `binary` does the same for counts given as a matrix.

    Args:
        binary: whether every value above 0 becomes 1, and every other value 0.

    Raises:
        ShapeError: for rows of another width than at setup.

    Example:
        >>> import torch
        >>> backbone = Raw(binary=True)
        >>> backbone.setup(in_features=3)
        >>> backbone(torch.tensor([[0.0, 2.0, 1.0]]))[0].x
        tensor([[0., 1., 1.]])
    """

    reads = "vector"
    as_given = True

    def __init__(self, *, binary: bool = False) -> None:
        super().__init__()
        self.binary = binary

    def setup(self, in_features: int) -> None:
        """Declare the only level; there is nothing to build."""
        self.in_features = in_features
        self.levels = (LevelInfo("input", in_features, 0),)

    def compute(self, x: Tensor) -> Sequence[Tensor]:
        """(B, in_features) -> the same, as float32."""
        check_rows(x, self.in_features)
        return [(x > 0).float() if self.binary else x.float()]
