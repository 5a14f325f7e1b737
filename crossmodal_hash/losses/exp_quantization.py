"""Loss `exp-quantization`: all bits of a code are equally far from 0."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._options import per_bit
from crossmodal_hash.losses._products import evenness, widen


def exp_quantization(u: Tensor, *, beta: float) -> Tensor:
    """Mean of beta (K / 2) (1 - cos(|u|, 1)), 1 the all-ones vector (CMHH, Cao et al., ECCV 2018).

    The negative logarithm of an exponential prior on the relaxed Hamming distance between |u| and a binary code.

    Args:
        u: (B, K) codes of one modality before the sign.
        beta: > 0, per bit; as in `exp-focal`.

    Returns:
        Scalar, >= 0; 0 on codes in {-1, 1}.

    Example:
        >>> import torch
        >>> exp_quantization(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), beta=0.5).item()
        0.5
    """
    (u,) = widen(u)
    return (beta * u.shape[1] / 2 * (1 - evenness(u))).mean()


class ExpQuantization(HashLoss):
    """Exponential prior on the distance of |u| from a binary code, for both modalities (CMHH).

    Args:
        beta: `scaled:<k>` for k / K, or `fixed:<value>`; as in `exp-focal`.
    """

    compares: ClassVar[Literal["pairs", "codes"]] = "codes"

    def __init__(self, *, beta: str = "scaled:2") -> None:
        super().__init__()
        per_bit(beta, 1, parameter="beta")
        self.beta = beta

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `exp_quantization`: the sum over u and v."""
        beta = per_bit(self.beta, u.shape[1], parameter="beta")
        return exp_quantization(u, beta=beta) + exp_quantization(v, beta=beta)
