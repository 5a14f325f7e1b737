"""Loss `graph`: similar items have similar codes."""

from __future__ import annotations

import torch
from torch import Tensor

from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._products import squared_distances, widen


def graph(u: Tensor, v: Tensor, s: Tensor) -> Tensor:
    """Half the mean of |u - v|^2 / K over pairs, weighted by s (graph term of TDH, Deng et al., IEEE TIP 2018).

    With u = v and a symmetric s it is tr(u^T Lap u) / (K sum s), Lap = diag(s 1) - s the graph Laplacian. It only
    attracts: used alone, all codes become equal. If all of s is 0, the value is 0.

    Args:
        u: (B, K) codes of one modality before the sign.
        v: (M, K) codes they are compared with.
        s: (B, M) similarity, >= 0.

    Returns:
        Scalar, >= 0.

    Example:
        >>> u = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
        >>> graph(u, u, torch.ones(2, 2)).item()
        0.5
    """
    u, v, s = widen(u, v, s)
    total = s.sum()
    total = torch.where(total > 0, total, torch.ones_like(total))
    return (s * squared_distances(u, v)).sum() / (2 * u.shape[1] * total)


class Graph(HashLoss):
    """Squared distance of the codes of similar items: the trace form of the graph Laplacian (TDH)."""

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `graph`."""
        return graph(u, v, s)
