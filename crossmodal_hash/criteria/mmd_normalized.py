"""Criterion `mmd-normalized`: a Gaussian kernel of label vectors scaled to length 1."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.criteria._kernel import KernelCriterion, gaussian


def cosine_distances(a: Tensor, b: Tensor) -> Tensor:
    """(B, M), |x - y|^2 = 2 - 2 cos(x, y) of normalized label vectors; an empty set has cosine 0 with everything."""
    lengths = (a.sum(1)[:, None] * b.sum(1)).clamp(min=1).sqrt()
    return 2 - 2 * (a @ b.T) / lengths


def mmd_normalized(a: Tensor, b: Tensor, *, width: Tensor | float) -> Tensor:
    """exp(-(2 - 2 cos) / width) of each pair of label vectors: the kernel of `mmd` without its worst defects.

    It depends only on `fgsc` and increases with it, so that disjoint sets get the smallest value, exp(-2 / width), for
    any number of labels. An item without labels gets that value with everything, including itself.

    Args:
        a: (B, C) labels in {0, 1}.
        b: (M, C) labels in {0, 1}.
        width: 2 sigma^2, > 0.

    Returns:
        (B, M), in (0, 1].

    Example:
        >>> import torch
        >>> mmd_normalized(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]]), width=2.0)
        tensor([[1.0000, 0.7461]])
    """
    return gaussian(cosine_distances(a, b), width)


class MMDNormalized(KernelCriterion):
    """Gaussian kernel of the label vectors scaled to length 1; increases with fgsc."""

    def distances(self, a: Tensor, b: Tensor) -> Tensor:
        """See `cosine_distances`."""
        return cosine_distances(a, b)

    def mean_distance(self, labels: Tensor) -> Tensor:
        """The mean of `cosine_distances` over pairs of different rows: the cosines add up to |sum x|^2 - sum |x|^2."""
        unit = labels / labels.sum(1, keepdim=True).clamp(min=1).sqrt()
        cosines = unit.sum(0).square().sum() - unit.square().sum()
        return 2 - 2 * cosines / (len(labels) * (len(labels) - 1))

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """See `mmd_normalized`."""
        return mmd_normalized(a, b, width=self.width)
