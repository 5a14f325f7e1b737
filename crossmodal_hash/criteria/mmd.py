"""Criterion `mmd`: a Gaussian kernel of two label vectors, HSIDHN's soft similarity interpreted per pair."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.criteria._kernel import KernelCriterion, gaussian, squared_distances


def mmd(a: Tensor, b: Tensor, *, width: Tensor | float) -> Tensor:
    """Kernel k = exp(-|a - b|^2 / width) of each pair (HSIDHN, PeerJ Computer Science 2021, eq. 21-28).

    The paper defines the squared maximum mean discrepancy of two sets and then uses one value for each pair. This is
    only possible with sets of one item each, MMD^2 = 2 (1 - k): a distance, 0 for identical labels, which as a
    similarity would push identical items apart. 1 - MMD^2 / 2 = k inverts it.

    Disjoint sets do not get 0: two single-label items with nothing in common differ in two labels, like two items with
    three labels that share two. It therefore contradicts `hard` on some pairs; alone, `fgsc` is a better target.

    Args:
        a: (B, C) labels in {0, 1}.
        b: (M, C) labels in {0, 1}.
        width: 2 sigma^2, > 0; the paper does not give it.

    Returns:
        (B, M), in (0, 1]; 1 exactly for identical label vectors, including empty ones.

    Example:
        >>> import torch
        >>> mmd(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]]), width=2.0)
        tensor([[1.0000, 0.6065]])
    """
    return gaussian(squared_distances(a, b), width)


class MMD(KernelCriterion):
    """Gaussian kernel of the label vectors, 1 - MMD^2 / 2 of single items (HSIDHN)."""

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """See `mmd`."""
        return mmd(a, b, width=self.width)
