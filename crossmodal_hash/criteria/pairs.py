"""Criterion `pairs`: do two items belong together?"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from crossmodal_hash.contracts import Criterion
from crossmodal_hash.evidence import Sees


def pairs(a: Tensor, b: Tensor) -> Tensor:
    """1 for items of one group, otherwise 0; without groups every item is one, and s is the identity in a batch.

    The evidence of learning without labels: a picture and its own text are similar, and nothing else is known (UCCH, Hu
    et al., TPAMI 2023, section 3.2).

    Args:
        a: (B, 1) int64, group numbers.
        b: (M, 1) int64, group numbers.

    Returns:
        (B, M), float32 in {0, 1}.

    Example:
        >>> import torch
        >>> pairs(torch.tensor([[4], [7]]), torch.tensor([[7], [4], [4]]))
        tensor([[0., 1., 1.],
                [1., 0., 0.]])
    """
    return (a == b.T).float()


class Pairs(Criterion):
    """1 for items that belong together, such as a picture and its text, otherwise 0; needs no labels."""

    sees: ClassVar[Sees] = "pairs"

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """See `pairs`."""
        return pairs(a, b)
