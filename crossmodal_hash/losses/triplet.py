"""Loss `triplet`: an item is nearer to a similar item than to one that is not similar."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as nnf

from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._options import at_least, per_bit
from crossmodal_hash.losses._products import inner, widen


def draw(mask: Tensor, samples: int) -> Tensor:
    """Column numbers (B, samples) of true cells of (B, M), uniform with replacement, by torch's global generator.

    A row without true cells gets meaningless columns.

    Example:
        >>> draw(torch.tensor([[False, True, False]]), 2)
        tensor([[1, 1]])
    """
    true_first = mask.int().argsort(dim=1, descending=True, stable=True)
    count = mask.sum(1, keepdim=True)
    picked = (torch.rand(len(mask), samples, device=mask.device) * count).long()
    # A draw close to 1 times a large count can be rounded up to the count.
    return true_first.gather(1, picked.minimum((count - 1).clamp(min=0)))


def triplet(u: Tensor, v: Tensor, s: Tensor, *, slope: float = 0.5, margin: float = 0.0, samples: int = 10) -> Tensor:
    """Mean of -log sigmoid(theta_p - theta_n - margin), theta = slope <u, v> (TDH, Deng et al., IEEE TIP 2018).

    Every row of u is an anchor. Positives p (s = 1) and negatives n (s = 0) are drawn from v with replacement and
    paired at random; pairs with 0 < s < 1 are never drawn. Anchors that lack one of the two are skipped; if all are
    skipped, the value is 0.

    Args:
        u: (B, K) codes of one modality before the sign, the anchors.
        v: (M, K) codes the positives and negatives come from.
        s: (B, M) similarity in [0, 1].
        slope: factor on the inner product, > 0.
        margin: margin of theta, >= 0. Near the largest difference, 2 K slope, every triplet stays active; use 0 to 1.
        samples: triplets for each anchor.

    Returns:
        Scalar, >= 0.

    Example:
        >>> u, v = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, -1.0]])
        >>> triplet(u, v, torch.tensor([[1.0, 0.0]]), margin=1.0).item()  # theta 1 and 0
        0.6931...
    """
    u, v, s = widen(u, v, s)
    positive, negative = s >= 1, s <= 0
    theta = slope * inner(u, v)
    ahead = theta.gather(1, draw(positive, samples)) - theta.gather(1, draw(negative, samples)) - margin
    # Skipped anchors are multiplied by 0 rather than taken out, so that no size depends on the data.
    usable = (positive.any(1) & negative.any(1)).to(theta.dtype)
    return -(nnf.logsigmoid(ahead).mean(1) * usable).sum() / usable.sum().clamp(min=1)


class Triplet(HashLoss):
    """Logistic triplet loss on randomly drawn positives and negatives (TDH).

    Args:
        slope: factor on the inner product: `scaled:<k>` for k / K, `half`, `hsidhn`, `dmmih` or `fixed:<value>`.
        margin: margin of theta, >= 0.
        samples: triplets for each anchor, >= 1.
        both: average the loss with u and with v as anchors; otherwise only rows of u are anchors.
    """

    def __init__(self, *, slope: str = "scaled:8", margin: float = 0.0, samples: int = 10, both: bool = True) -> None:
        super().__init__()
        per_bit(slope, 1, parameter="slope")
        at_least("margin", margin, 0)
        at_least("samples", samples, 1)
        self.slope, self.margin, self.samples, self.both = slope, margin, samples, both

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `triplet`."""
        slope = per_bit(self.slope, u.shape[1], parameter="slope")
        forth = triplet(u, v, s, slope=slope, margin=self.margin, samples=self.samples)
        if not self.both:
            return forth
        return (forth + triplet(v, u, s.T, slope=slope, margin=self.margin, samples=self.samples)) / 2
