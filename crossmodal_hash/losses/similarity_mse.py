"""Loss `similarity-mse`: the scaled inner product of codes approximates a similarity."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._products import inner, widen

Target = Literal["antipodal", "orthogonal"]
Reduction = Literal["mean", "paper"]


def similarity_mse(
    u: Tensor, v: Tensor, s: Tensor, *, target: Target = "antipodal", reduction: Reduction = "mean"
) -> Tensor:
    """Squared error of ((<u, v> / K + 1) / 2) against s (HSIDHN eq. 26-28; DSPAH eq. 5-7).

    s = 1 requires equal codes, s = 1/2 orthogonal and s = 0 opposite ones. Many items cannot all be opposite to each
    other, so the loss does not reach 0; this is expected. Codes must be bounded (tanh).

    Args:
        u: (B, K) codes of one modality before the sign, in [-1, 1].
        v: (M, K) codes they are compared with.
        s: (B, M) similarity in [0, 1].
        target: `antipodal` as above; `orthogonal` compares <u, v> / K with s, so that s = 0 requires orthogonal codes.
        reduction: `mean` over all B x M pairs; `paper` sums them times K^2, the scale of the equations.

    Returns:
        Scalar, >= 0.

    Example:
        >>> import torch
        >>> u = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        >>> similarity_mse(u, u, torch.eye(2)).item()
        0.0
    """
    u, v, s = widen(u, v, s)
    bits = u.shape[1]
    agreement = inner(u, v) / bits
    errors = (((agreement + 1) / 2 if target == "antipodal" else agreement) - s).square()
    return bits**2 * errors.sum() if reduction == "paper" else errors.mean()


class SimilarityMSE(HashLoss):
    """Squared error of the scaled inner product against the similarity (HSIDHN, DSPAH).

    Args:
        target: what s = 0 requires of two codes: `antipodal` (the papers) or `orthogonal`.
        reduction: `mean` over pairs, or `paper` for their sum times K^2.
    """

    def __init__(self, *, target: Target = "antipodal", reduction: Reduction = "mean") -> None:
        super().__init__()
        check_choice("target", target, Target)
        check_choice("reduction", reduction, Reduction)
        self.target, self.reduction = target, reduction

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `similarity_mse`."""
        return similarity_mse(u, v, s, target=self.target, reduction=self.reduction)
