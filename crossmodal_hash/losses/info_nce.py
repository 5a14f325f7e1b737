"""Loss `info-nce`: among all the others, find the one that belongs to it."""

from __future__ import annotations

import torch
from torch import Tensor

from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._options import above
from crossmodal_hash.losses._products import cosine, widen
from crossmodal_hash.surrogate import straight_through


def info_nce(u: Tensor, v: Tensor, s: Tensor, *, temperature: float = 0.1, signs: bool = False) -> Tensor:
    """Mean cross entropy of softmax(cos(u, v) / temperature) with s, by rows and by columns (CLIP).

    Each row of s, scaled to sum 1, is the distribution that the softmax over the M others should have; the same holds
    for columns. For one partner each this is the symmetric contrastive loss of CLIP (Radford et al., ICML 2021; one
    direction: van den Oord et al. 2018); for several it is the supervised contrastive loss (Khosla et al., NeurIPS
    2020, eq. 2). Rows and columns without a similar pair are left out.

    Args:
        u: (B, K) codes of one modality before the sign, any range.
        v: (M, K) codes they are compared with.
        s: (B, M) similarity, >= 0.
        temperature: > 0; the smaller, the more the nearest wrong items count.
        signs: compare u with the signs of v, and the signs of u with v, in place of u with v: as real-valued queries
            are compared with stored codes. Signs have the gradient of tanh.

    Returns:
        Scalar, >= 0; 0 where no pair is similar.

    Example:
        >>> import torch
        >>> u = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        >>> info_nce(u, u, torch.eye(2), temperature=1.0).item()
        0.1269...
    """
    u, v, s = widen(u, v, s)
    sides = [(u, straight_through(v)), (straight_through(u), v)] if signs else [(u, v)]
    tables = [cosine(a, b) / temperature for a, b in sides]
    return torch.stack([(_cross_entropy(z, s) + _cross_entropy(z.T, s.T)) / 2 for z in tables]).mean()


def _cross_entropy(z: Tensor, s: Tensor) -> Tensor:
    """Mean over rows with a similar pair, without selecting them: that would wait for the device."""
    total = s.sum(1)
    has = (total > 0).to(z.dtype)
    target = s / total.clamp(min=torch.finfo(s.dtype).tiny)[:, None]
    of_row = -(target * z.log_softmax(1)).sum(1)
    return (of_row * has).sum() / has.sum().clamp(min=1)


def answers(s: Tensor) -> Tensor:
    """How many of the M others each row of s calls right: the exponential of the entropy of the row, scaled to sum 1.

    Args:
        s: (B, M) similarity, >= 0.

    Returns:
        (B,), in 1..M; rows without a similar pair have 1.

    Example:
        >>> import torch
        >>> answers(torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]])).tolist()
        [1.0, 4.0]
    """
    target = s.float() / s.float().sum(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return torch.exp(torch.special.entr(target).sum(1))


FLAT = 0.9
"""Share of the others from which on a row says of nobody that it is the right one."""


class InfoNCE(HashLoss):
    """Symmetric contrastive loss: each item's partner against all others, by the cosine of codes (CLIP).

    `train.memory=full` compares each batch with all training items in place of the batch.

    Args:
        temperature: divides the cosine, > 0; .05 to .2 in practice.
        signs: whether one side is compared by its signs, each in turn: for codes that real-valued queries search.
    """

    def __init__(self, *, temperature: float = 0.1, signs: bool = False) -> None:
        super().__init__()
        above("temperature", temperature, 0)
        self.temperature, self.signs = temperature, signs

    def doubt(self, s: Tensor) -> str | None:
        """Rows that call nearly all items right are met best by codes that are all alike."""
        right, others = answers(s).mean().item(), s.shape[1]
        if right <= FLAT * others:
            return None
        return (
            f"its similarities are so flat that {right:.0f} of {others} items are equally right answers; make the "
            "criterion more peaked, such as by a power of it, or choose a loss that compares values, such as cosine-mse"
        )

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `info_nce`."""
        return info_nce(u, v, s, temperature=self.temperature, signs=self.signs)
