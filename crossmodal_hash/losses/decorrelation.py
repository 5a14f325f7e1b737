"""Loss `decorrelation`: different bits carry different information."""

from __future__ import annotations

import warnings
from typing import ClassVar, Literal

from torch import Tensor

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._products import inner, widen

Reduction = Literal["mean", "paper"]


def decorrelation(u: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Squared covariance of different bits over the batch (PRDH, Yang et al., AAAI 2017).

    One bit, or one item, gives 0.

    Args:
        u: (B, K) codes of one modality before the sign; B < K items are too few to decorrelate K bits.
        reduction: `mean` over the pairs of different bits; `paper` sums over them, which with unbounded codes
            outweighs every other term.

    Returns:
        Scalar, >= 0.

    Example:
        >>> import torch
        >>> decorrelation(torch.tensor([[1.0, 1.0], [-1.0, -1.0]])).item()
        1.0
    """
    (u,) = widen(u)
    items, bits = u.shape
    # Center before the product: the product of the means of centered columns is 0 whatever the codes are.
    centered = (u - u.mean(0)).T
    covariance = inner(centered, centered) / items
    # Above the diagonal every pair of bits occurs once, which is the paper's factor 1/2.
    total = covariance.triu(1).square().sum()
    return total if reduction == "paper" else total / max(1, bits * (bits - 1) // 2)


class Decorrelation(HashLoss):
    """Squared covariance of different bits, for both modalities (PRDH).

    Args:
        reduction: `mean` over pairs of bits, or `paper` for their sum.
    """

    compares: ClassVar[Literal["pairs", "codes"]] = "codes"

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        check_choice("reduction", reduction, Reduction)
        self.reduction = reduction

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `decorrelation`: the sum over u and v."""
        items, bits = u.shape
        if items < bits:
            warnings.warn(
                f"decorrelation of {bits} bits over {items} items; use a batch of at least {bits}", stacklevel=2
            )
        return decorrelation(u, reduction=self.reduction) + decorrelation(v, reduction=self.reduction)
