"""Loss `margin` for crossmodal_hash: similar items within a few bits of each other, dissimilar ones farther away."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.errors import SettingsError


def margin_loss(u: Tensor, v: Tensor, s: Tensor, *, margin: float = 2.0) -> Tensor:
    """Hinge on d = (K - <u, v>) / 2, which is the Hamming distance if the codes are -1 and 1.

    The cost of a similar pair (s = 1) is the excess of its distance over the margin, that of a dissimilar pair (s = 0)
    is what its distance lacks to margin + 1; for 0 < s < 1 it is a weighted sum of both. With exact codes the loss is 0
    if a search within `margin` bits returns exactly the similar items.

    Args:
        u: (B, K) codes of one modality before the sign, in [-1, 1].
        v: (M, K) codes they are compared with, in [-1, 1].
        s: (B, M) similarity in [0, 1].
        margin: bits, >= 0.

    Returns:
        Scalar, >= 0; the mean over all B x M pairs.

    Example:
        >>> import torch
        >>> u = torch.tensor([[1.0, 1.0, 1.0, 1.0]])
        >>> margin_loss(u, -u, torch.ones(1, 1)).item()  # four bits apart, two are allowed
        2.0
    """
    # Half precision would round the product of long codes by more than one bit.
    u, v = (x.float() if x.dtype.itemsize < 4 else x for x in (u, v))
    distance = (u.shape[1] - u @ v.T) / 2
    too_far = (distance - margin).relu()
    too_near = (margin + 1 - distance).relu()
    return (s * too_far + (1 - s) * too_near).mean()


class Margin(HashLoss):
    """Hinge on the relaxed Hamming distance: similar pairs within a radius, dissimilar ones beyond it.

    Args:
        margin: the radius in bits, >= 0.
    """

    def __init__(self, *, margin: float = 2.0) -> None:
        super().__init__()
        if not margin >= 0:
            raise SettingsError(f"margin is {margin}; use a number of bits, 0 or more")
        self.margin = margin

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `margin_loss`."""
        return margin_loss(u, v, s, margin=self.margin)
