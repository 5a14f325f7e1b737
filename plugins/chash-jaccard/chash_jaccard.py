"""Criterion `jaccard` for crossmodal_hash: shared labels over all labels of two items."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.contracts import Criterion


def jaccard(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of two label sets (Jaccard, Bulletin de la Societe vaudoise, 1901).

    Identical sets give 1, disjoint sets 0. An item without labels has similarity 0 with everything, including itself.

    Args:
        a: (B, C) labels in {0, 1}.
        b: (M, C) labels in {0, 1}.

    Returns:
        (B, M), in [0, 1].

    Example:
        >>> import torch
        >>> jaccard(torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
        tensor([[0.5000, 0.0000]])
    """
    shared = a @ b.T
    union = a.sum(1)[:, None] + b.sum(1) - shared
    # A union smaller than 1 is that of two empty sets, which share nothing.
    return shared / union.clamp(min=1)


class Jaccard(Criterion):
    """Shared labels over all labels of two items."""

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """See `jaccard`."""
        return jaccard(a, b)
