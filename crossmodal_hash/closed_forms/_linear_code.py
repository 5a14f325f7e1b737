"""A hash function that is an affine map, and the base class of the methods that fit one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from crossmodal_hash.closed_forms._reduce import Matrix, Reduction, check_components
from crossmodal_hash.contracts import ClosedForm, HashFunction
from crossmodal_hash.types import LevelInfo


class LinearCode(HashFunction):
    """x -> weight x + bias: centering, principal components, projections and thresholds combined.

    Values are float64, as they were fitted: a bit is a sign, and rounding must not change it.

    Example:
        >>> code = LinearCode()
        >>> code.setup([LevelInfo("input", 3, 0)], bits=2)
        >>> code([torch.zeros(5, 3)]).features.shape
        torch.Size([5, 2])
    """

    weight: Tensor
    bias: Tensor

    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Allocate K rows over all levels' channels."""
        self.out_features = bits
        self.register_buffer("weight", torch.zeros(bits, sum(info.channels for info in levels), dtype=torch.float64))
        self.register_buffer("bias", torch.zeros(bits, dtype=torch.float64))

    def compute(self, levels: Sequence[Tensor]) -> Tensor:
        """One (B, D_k) per level -> (B, K)."""
        return (torch.cat(list(levels), 1).double() @ self.weight.T + self.bias).float()


def linear_code(
    reduction: Reduction,
    projections: Matrix,
    thresholds: Matrix | None = None,
    *,
    kind: type[LinearCode] = LinearCode,
) -> LinearCode:
    """The hash function x -> (reduced x) @ projections - thresholds.

    Args:
        reduction: from D features to R.
        projections: (R, K).
        thresholds: (K,); None is 0.
        kind: what holds it.
    """
    weight = (reduction.basis @ projections).T
    bias = -weight @ reduction.mean
    code = kind()
    code.setup([LevelInfo("features", weight.shape[1], 0)], len(weight))
    code.weight.copy_(torch.from_numpy(weight))
    code.bias.copy_(torch.from_numpy(bias if thresholds is None else bias - thresholds))
    return code


class LinearMethod(ClosedForm):
    """One `LinearCode` per modality; each method decides its projections."""

    def __init__(self, components: Mapping[str, int]) -> None:
        super().__init__()
        check_components(components)
        self.components = dict(components)

    def function(self, modality: str) -> LinearCode:
        """An affine map."""
        return LinearCode()
