"""Loss `quantization`: real codes approach the binary codes of their items."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._products import widen

Reduction = Literal["mean", "paper"]


def quantization(u: Tensor, v: Tensor, b: Tensor, *, third: bool = False, reduction: Reduction = "mean") -> Tensor:
    """(b - u)^2 + (b - v)^2 (DCMH, DSPAH), with `third` also (u - v)^2 (HSIDHN eq. 30); b is a constant.

    Args:
        u: (B, K) codes of one modality before the sign.
        v: (B, K) codes of the other modality of the same items.
        b: (B, K) binary codes in {-1, 1}, the sign of u + v of the batch or of a memory; no gradient flows into them.
        third: add the squared difference of the two modalities.
        reduction: `mean` over items and bits of each square; `paper` sums them and divides by K (HSIDHN, DSPAH).

    Returns:
        Scalar, >= 0.

    Example:
        >>> import torch
        >>> u, v = torch.tensor([[0.5, -0.5]]), torch.tensor([[1.0, 0.0]])
        >>> quantization(u, v, torch.tensor([[1.0, -1.0]]), third=True).item()  # 0.25 + 0.5 + 0.25
        1.0
    """
    u, v, b = widen(u, v, b.detach())
    squares = (b - u).square() + (b - v).square()
    if third:
        squares = squares + (u - v).square()
    return squares.sum() / u.shape[1] if reduction == "paper" else squares.mean()


class Quantization(HashLoss):
    """Squared distance of real codes from the binary codes of their items (DCMH, HSIDHN, DSPAH).

    Args:
        third: add the squared difference of the two modalities (HSIDHN).
        reduction: `mean` over items and bits, or `paper` for the sum divided by K.
    """

    compares: ClassVar[Literal["pairs", "codes"]] = "codes"

    def __init__(self, *, third: bool = False, reduction: Reduction = "mean") -> None:
        super().__init__()
        check_choice("reduction", reduction, Reduction)
        self.third, self.reduction = third, reduction

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `quantization`."""
        return quantization(u, v, s, third=self.third, reduction=self.reduction)
