"""Criterion `mmd-batch`: one number for a whole block of pairs, as in HSIDHN's public code; only for reference."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from crossmodal_hash.contracts import Criterion
from crossmodal_hash.criteria._kernel import KERNELS, gaussian_bank, mean_distance, squared_distances, usable


def mmd_batch(a: Tensor, b: Tensor) -> Tensor:
    """The squared maximum mean discrepancy of two blocks of labels, the same for every pair (public code of HSIDHN).

    Five kernels are summed, with widths around the mean distance within the union of the two blocks. The value says
    nothing about a single pair, and it is a distance: exactly 0 for all pairs when both blocks hold the same items.
    That code needs blocks of equal size; here the three means are computed separately, which is correct for any sizes.

    Args:
        a: (B, C) labels in {0, 1}.
        b: (M, C) labels in {0, 1}.

    Returns:
        (B, M) filled with one value, in [0, 10].

    Example:
        >>> labels = torch.eye(3)
        >>> mmd_batch(labels, labels).abs().max()
        tensor(0.)
    """
    width = usable(mean_distance(torch.cat([a, b])))
    within_a, within_b, across = (
        gaussian_bank(squared_distances(x, y), width).mean() for x, y in ((a, a), (b, b), (a, b))
    )
    # Rounding can leave a discrepancy of 0 slightly below it.
    return (within_a + within_b - 2 * across).clamp(min=0) * a.new_ones(len(a), len(b))


class MMDBatch(Criterion):
    """One discrepancy for the whole block instead of one per pair; only for reference, use mmd or fgsc."""

    value_range = (0.0, 2.0 * KERNELS)
    larger_is_more_alike = False

    def __init__(self) -> None:
        super().__init__()
        warnings.warn(
            "criterion mmd-batch gives every pair of a batch the same value and is kept only for reference; "
            "use mmd or fgsc to train",
            stacklevel=2,
        )

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """See `mmd_batch`."""
        return mmd_batch(a, b)
