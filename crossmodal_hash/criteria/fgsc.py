"""Criterion `fgsc`, also called `cosine`: the cosine of two label vectors."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.contracts import Criterion


def fgsc(a: Tensor, b: Tensor) -> Tensor:
    """Fine-grained similarity: shared labels over the geometric mean of the two counts (DSPAH, SEKE 2021, eq. 2-4).

    The geometric mean makes it the cosine of the label vectors. Identical sets give exactly 1 and disjoint ones exactly
    0; the paper prints an open interval. An item without labels has similarity 0 with everything, including itself.

    Args:
        a: (B, C) labels in {0, 1}.
        b: (M, C) labels in {0, 1}.

    Returns:
        (B, M), in [0, 1].

    Example:
        >>> import torch
        >>> fgsc(torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
        tensor([[1.0000, 0.7071, 0.0000]])
    """
    counts = a.sum(1)[:, None] * b.sum(1)
    # Only an empty set makes the product smaller than 1, and then the numerator is 0.
    return (a @ b.T) / counts.clamp(min=1).sqrt()


class FGSC(Criterion):
    """Cosine of the label vectors: shared labels over the geometric mean of the two counts (DSPAH)."""

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """See `fgsc`."""
        return fgsc(a, b)
