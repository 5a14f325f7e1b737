"""A hash function that is a weighted sum of Gaussian kernels with anchors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crossmodal_hash.closed_forms._reduce import width
from crossmodal_hash.contracts import HashFunction
from crossmodal_hash.types import LevelInfo


class KernelCode(HashFunction):
    """x -> weight k(z) + bias with z = (x - mean) basis and k the Gaussian kernel of z with each anchor.

    A score is the log odds of its bit. Sizes are the largest that a fit can need, so that they depend only on settings
    and input; an anchor or component that a small training set does not fill is zero, and has no weight. Values are
    float64, as they were fitted: a bit is a sign, and rounding must not change it.

    Args:
        anchors: m.
        components: R, number of principal components; None keeps all features.
        unifies: whether database items get one code from all their modalities.

    Example:
        >>> code = KernelCode(anchors=4, components=2)
        >>> code.setup([LevelInfo("input", 3, 0)], bits=8)
        >>> code([torch.zeros(5, 3)]).features.shape
        torch.Size([5, 8])
    """

    mean: Tensor
    basis: Tensor
    points: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    prior: Tensor

    def __init__(self, *, anchors: int = 500, components: int | None = None, unifies: bool = False) -> None:
        super().__init__()
        self.anchors, self.components, self.unifies = anchors, components, unifies

    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Allocate the anchors and their weights."""
        self.out_features = bits
        features = sum(info.channels for info in levels)
        reduced = width(features, self.components)
        shapes = {
            "mean": (features,),
            "basis": (features, reduced),
            "points": (self.anchors, reduced),
            "scale": (1,),
            "weight": (bits, self.anchors),
            "bias": (bits,),
            "prior": (bits,),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self.scale.fill_(1.0)

    def compute(self, levels: Sequence[Tensor]) -> Tensor:
        """One (B, D_k) per level -> (B, K)."""
        z = (torch.cat(list(levels), 1).double() - self.mean) @ self.basis
        square = z.square().sum(1)[:, None] + self.points.square().sum(1) - 2 * z @ self.points.T
        return ((-square.clamp(min=0) / self.scale).exp() @ self.weight.T + self.bias).float()

    def unify(self, scores: Sequence[Tensor]) -> Tensor:
        """Log odds of independent views: their sum, the odds of the training codes counted once (SePH).

        Args:
            scores: one (B, K) per modality.
        """
        return torch.stack(list(scores)).sum(0) - (len(scores) - 1) * self.prior.to(scores[0])
