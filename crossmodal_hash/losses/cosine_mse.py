"""Loss `cosine-mse`: the cosine of codes approximates a similarity."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._products import cosine, widen


def cosine_mse(u: Tensor, v: Tensor, s: Tensor) -> Tensor:
    """Mean of (s - cos(u, v))^2 over all B x M pairs (MLSPH, Zou et al., Signal Processing: Image Communication 2021).

    Unlike `similarity-mse`, it does not depend on the length of the vectors, and s = 0 requires orthogonal codes. A
    code of zeros has cosine 0 with everything.

    Args:
        u: (B, K) codes of one modality before the sign, any range.
        v: (M, K) codes they are compared with.
        s: (B, M) similarity in [0, 1]; the paper's public code uses up to 2, which no cosine reaches.

    Returns:
        Scalar, >= 0.

    Example:
        >>> import torch
        >>> u = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
        >>> cosine_mse(u, u, torch.ones(2, 2)).item()
        0.5...
    """
    u, v, s = widen(u, v, s)
    return (s - cosine(u, v)).square().mean()


class CosineMSE(HashLoss):
    """Squared error of the cosine of codes against the similarity (MLSPH)."""

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `cosine_mse`."""
        return cosine_mse(u, v, s)
