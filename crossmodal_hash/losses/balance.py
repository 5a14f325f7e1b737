"""Loss `balance`: each bit is 1 for half of the items."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._products import widen

Reduction = Literal["mean", "paper"]


def balance(u: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Squared mean of each bit over the items (DCMH, Jiang and Li, CVPR 2017, third term).

    Args:
        u: (B, K) codes of one modality before the sign.
        reduction: `mean` over bits; `paper` sums over bits, |u^T 1|^2 / (B N) with the batch instead of the N training
            items. On all N items the paper's value is N / B times that and outweighs similarity if most pairs are
            similar.

    Returns:
        Scalar, >= 0; 0 if every bit has mean 0.

    Example:
        >>> import torch
        >>> balance(torch.tensor([[1.0, 1.0], [1.0, -1.0]])).item()
        0.5
    """
    (u,) = widen(u)
    squares = u.mean(0).square()
    return squares.sum() if reduction == "paper" else squares.mean()


class Balance(HashLoss):
    """Squared mean of each bit over the batch, for both modalities (DCMH, PRDH).

    Args:
        reduction: `mean` over bits, or `paper` for their sum.
    """

    compares: ClassVar[Literal["pairs", "codes"]] = "codes"

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        check_choice("reduction", reduction, Reduction)
        self.reduction = reduction

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `balance`: the sum over u and v."""
        return balance(u, reduction=self.reduction) + balance(v, reduction=self.reduction)
