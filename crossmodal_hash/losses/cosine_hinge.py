"""Loss `cosine-hinge`: similar pairs beyond a margin on one side of cosine 0, dissimilar ones on the other."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._options import at_least
from crossmodal_hash.losses._products import cosine, widen


def cosine_hinge(u: Tensor, v: Tensor, s: Tensor, *, margin: float = 0.5, squared: bool = False) -> Tensor:
    """Mean of max(0, margin - (2s - 1) cos(u, v)) (CHN, Cao et al., BMVC 2017).

    Args:
        u: (B, K) codes of one modality before the sign, any range.
        v: (M, K) codes they are compared with.
        s: (B, M) similarity in [0, 1]; s = 1/2 adds the constant margin and no gradient.
        margin: margin of the cosine, >= 0; not in the paper. Near 1 most pairs stay active and ranking gets worse.
        squared: square each hinge.

    Returns:
        Scalar, >= 0; the mean over all B x M pairs.

    Example:
        >>> import torch
        >>> u = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
        >>> cosine_hinge(u, u, torch.eye(2)).item()
        0.25
    """
    u, v, s = widen(u, v, s)
    # The hinge comes before the square; the other way round there is no hinge left.
    hinges = (margin - (2 * s - 1) * cosine(u, v)).relu()
    return hinges.square().mean() if squared else hinges.mean()


class CosineHinge(HashLoss):
    """Hinge on the cosine of codes: similar pairs above the margin, dissimilar ones below minus the margin (CHN).

    Args:
        margin: margin of the cosine, >= 0; 0.3 to 0.6 works well.
        squared: square each hinge.
    """

    def __init__(self, *, margin: float = 0.5, squared: bool = False) -> None:
        super().__init__()
        at_least("margin", margin, 0)
        self.margin, self.squared = margin, squared

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `cosine_hinge`."""
        return cosine_hinge(u, v, s, margin=self.margin, squared=self.squared)
