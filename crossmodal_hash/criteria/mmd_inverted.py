"""Criterion `mmd-inverted`: HSIDHN's printed equation, where identical items have similarity 0; only for reference."""

from __future__ import annotations

import warnings

from torch import Tensor

from crossmodal_hash.criteria._kernel import KernelCriterion
from crossmodal_hash.criteria.mmd import mmd


def mmd_inverted(a: Tensor, b: Tensor, *, width: Tensor | float) -> Tensor:
    """1 - `mmd`, half the squared discrepancy of two single items (HSIDHN eq. 25 read literally).

    A distance instead of a similarity: 0 for identical label vectors. Alone it trains to chance level; together with a
    hard term it does no visible harm, so a soft criterion is best tested without the hard term.

    Args:
        a: (B, C) labels in {0, 1}.
        b: (M, C) labels in {0, 1}.
        width: 2 sigma^2, > 0.

    Returns:
        (B, M), in [0, 1).

    Example:
        >>> import torch
        >>> mmd_inverted(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]]), width=2.0)
        tensor([[0.0000, 0.3935]])
    """
    return 1 - mmd(a, b, width=width)


class MMDInverted(KernelCriterion):
    """1 - mmd, a distance instead of a similarity, as printed in the paper; only for reference, use mmd."""

    larger_is_more_alike = False

    def __init__(self, *, bandwidth: str = "mean") -> None:
        super().__init__(bandwidth=bandwidth)
        warnings.warn(
            "criterion mmd-inverted gives identical items similarity 0 and is kept only for reference; "
            "use mmd to train",
            stacklevel=2,
        )

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """See `mmd_inverted`."""
        return mmd_inverted(a, b, width=self.width)
