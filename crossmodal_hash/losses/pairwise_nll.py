"""Loss `pairwise-nll`: the logistic likelihood of pairwise similarity."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as nnf

from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._options import per_bit
from crossmodal_hash.losses._products import cosine, inner, widen

LEAST = 1e-3
"""Smallest share of similar, and of other, pairs that is assumed: a batch may have none."""


def pairwise_nll(
    u: Tensor, v: Tensor, s: Tensor, *, slope: float = 0.5, normalize: bool = False, prior: bool = False
) -> Tensor:
    """Mean of log(1 + e^theta) - s theta, theta = slope <u, v> (DCMH, Jiang and Li, CVPR 2017; HSIDHN eq. 14-20).

    Pairs with s = 1 are pulled together and pairs with s = 0 pushed apart; the gradient in theta is sigmoid(theta) - s.
    It stays finite for any codes. The mean over all B x M pairs is also the papers' scale.

    Args:
        u: (B, K) codes of one modality before the sign, any range; tanh output in practice.
        v: (M, K) codes they are compared with.
        s: (B, M) similarity in [0, 1].
        slope: factor on the inner product, > 0; DCMH uses 1/2. Above 16 / K most pairs of tanh codes saturate early.
        normalize: use the cosine instead of the inner product, for features of any length.
        prior: add the log-odds of a similar pair among the B x M to theta, so that codes without information about a
            pair (<u, v> = 0) mean the share of similar pairs instead of one half. Without it, if few pairs are similar,
            some bits learn only to separate the modalities, which adds a constant.

    Returns:
        Scalar, >= 0.

    Example:
        >>> import torch
        >>> u = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        >>> pairwise_nll(u, u, torch.eye(2)).item()
        0.3132...
    """
    u, v, s = widen(u, v, s)
    theta = slope * (cosine if normalize else inner)(u, v)
    if prior:
        theta = theta + s.mean().clamp(LEAST, 1 - LEAST).logit()
    # The stable form of exactly this likelihood; log(1 + e^theta) written out overflows above theta = 88.
    return nnf.binary_cross_entropy_with_logits(theta, s)


class PairwiseNLL(HashLoss):
    """Logistic likelihood of pairwise similarity (DCMH, HSIDHN).

    Args:
        slope: factor on the inner product: `scaled:<k>` for k / K, `half` for 1/2 (DCMH), `hsidhn` for 64 / K,
            `dmmih` for 32 / K (HSIDHN's code), `fixed:<value>`. The default keeps theta of tanh codes in [-8, 8], where
            the sigmoid still has a gradient.
        normalize: use cosines instead of inner products, for features of any length (with slope `fixed:8`).
        prior: include the share of similar pairs, so that no bit is used for it.
    """

    def __init__(self, *, slope: str = "scaled:8", normalize: bool = False, prior: bool = False) -> None:
        super().__init__()
        per_bit(slope, 1, parameter="slope")
        self.slope, self.normalize, self.prior = slope, normalize, prior

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `pairwise_nll`."""
        slope = per_bit(self.slope, u.shape[1], parameter="slope")
        return pairwise_nll(u, v, s, slope=slope, normalize=self.normalize, prior=self.prior)
