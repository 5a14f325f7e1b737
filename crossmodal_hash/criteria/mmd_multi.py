"""Criterion `mmd-multi`: the mean of five Gaussian kernels of different widths."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.criteria._kernel import KERNELS, KernelCriterion, gaussian_bank, squared_distances


def mmd_multi(a: Tensor, b: Tensor, *, width: Tensor | float) -> Tensor:
    """The mean of Gaussians of widths width/4 to 4 width, each twice the previous one (the kernels of HSIDHN's code).

    The authors' code sums the five; their mean keeps 1 for identical label vectors. As with `mmd`, disjoint sets do not
    get 0.

    Args:
        a: (B, C) labels in {0, 1}.
        b: (M, C) labels in {0, 1}.
        width: 2 sigma^2 of the middle kernel, > 0.

    Returns:
        (B, M), in (0, 1].

    Example:
        >>> import torch
        >>> mmd_multi(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]]), width=2.0)
        tensor([[1.0000, 0.5542]])
    """
    return gaussian_bank(squared_distances(a, b), width) / KERNELS


class MMDMulti(KernelCriterion):
    """Mean of five Gaussian kernels of the label vectors, from a quarter of the bandwidth to four times it."""

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """See `mmd_multi`."""
        return mmd_multi(a, b, width=self.width)
