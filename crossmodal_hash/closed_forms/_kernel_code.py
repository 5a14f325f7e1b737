"""A hash function that is a weighted sum of Gaussian kernels with anchors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossmodal_hash.closed_forms._anchors import Anchors, bandwidth, choose_anchors, kernel
from crossmodal_hash.closed_forms._kernel_logistic import kernel_logistic
from crossmodal_hash.closed_forms._reduce import Matrix, reduce, width
from crossmodal_hash.contracts import HashFunction
from crossmodal_hash.types import LevelInfo

_RAREST = 1e-3

Protocol = Literal["per-view", "unified"]
"""Which code a database item has: that of the searched modality, or one for all its modalities."""


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


def log_odds(codes: Matrix) -> NDArray[np.float64]:
    """Log odds of +1 for each bit (K,) of codes (N, K); a bit that is nearly always the same counts as 1 in 1,000.

    Example:
        >>> log_odds(np.array([[1.0], [-1.0]])).tolist()
        [0.0]
    """
    share = np.clip((codes > 0).mean(0), _RAREST, 1 - _RAREST)
    return np.asarray(np.log(share) - np.log1p(-share))


def fit_kernel_code(code: KernelCode, x: Matrix, codes: Matrix, kind: Anchors, generator: np.random.Generator) -> None:
    """Fill `code` with principal components, anchors, and the kernel logistic regression of `codes` on `x`.

    Args:
        code: not set up yet.
        x: (N, D).
        codes: (N, K) in {-1, 1}.
        kind: how anchors are chosen.
        generator: draws the anchors.
    """
    code.setup([LevelInfo("features", x.shape[1], 0)], codes.shape[1])
    reduction = reduce(x, code.components)
    z = reduction.apply(x)
    scale = bandwidth(z)
    points = choose_anchors(z, code.anchors, kind, generator)
    weight, bias = kernel_logistic(kernel(z, points, scale), kernel(points, points, scale), codes)
    m, r = points.shape
    code.scale.fill_(scale)
    for buffer, values in (
        (code.mean, reduction.mean),
        (code.basis[:, :r], reduction.basis),
        (code.points[:m, :r], points),
        (code.weight[:, :m], weight.T),
        (code.bias, bias),
        (code.prior, log_odds(codes)),
    ):
        buffer.copy_(torch.from_numpy(np.ascontiguousarray(values)))


def kernel_memory(items: int, features: int, code: KernelCode, bits: int) -> int:
    """Largest number of bytes that `fit_kernel_code` needs."""
    m, r = min(code.anchors, items), width(features, code.components)
    # Features and a centered copy; reduced and sorted ones; the kernel, its whitened form and a copy; L-BFGS keeps 10
    # pairs of vectors.
    numbers = 2 * items * features + 3 * features**2 + 3 * items * r + 3 * items * m + 4 * m * m
    return 8 * (numbers + 4 * items * bits + 24 * m * bits)
