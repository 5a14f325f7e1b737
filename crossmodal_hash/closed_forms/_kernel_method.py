"""The base class of kernel methods: codes are learned from the labels, then predicted from the features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from crossmodal_hash.choices import check_choice
from crossmodal_hash.closed_forms._anchors import Anchors, bandwidth, choose_anchors, kernel
from crossmodal_hash.closed_forms._kernel_code import KernelCode
from crossmodal_hash.closed_forms._kernel_logistic import kernel_logistic
from crossmodal_hash.closed_forms._reduce import Matrix, check_components, reduce, width
from crossmodal_hash.contracts import ClosedForm, HashFunction
from crossmodal_hash.types import LevelInfo

_RAREST = 1e-3

Protocol = Literal["per-view", "unified"]
"""Which code a database item has: that of the searched modality, or one for all its modalities."""


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


class KernelMethod(ClosedForm):
    """One `KernelCode` per modality; each method decides which codes it predicts."""

    def __init__(self, *, anchors: Anchors, count: int, codes: Protocol, components: Mapping[str, int]) -> None:
        super().__init__()
        check_components(components)
        check_choice("anchors", anchors, Anchors)
        check_choice("codes", codes, Protocol)
        self.anchors, self.count, self.codes, self.components = anchors, count, codes, dict(components)

    def function(self, modality: str) -> KernelCode:
        """Kernels with anchors."""
        return KernelCode(anchors=self.count, components=self.components.get(modality), unifies=self.codes == "unified")

    def predict(
        self, sides: Iterable[tuple[str, Matrix, Matrix]], generator: np.random.Generator
    ) -> dict[str, HashFunction]:
        """Modality, its features (N, D), and the codes (N, K) to predict from them -> modality -> its kernel code."""
        fitted: dict[str, HashFunction] = {}
        for name, x, codes in sides:
            fitted[name] = code = self.function(name)
            fit_kernel_code(code, x, codes, self.anchors, generator)
        return fitted

    def prediction_memory(self, items: int, widths: Mapping[str, int], bits: int) -> int:
        """Largest number of bytes that `predict` needs; it processes one modality at a time."""
        m, most = min(self.count, items), 0
        for name, features in widths.items():
            r = width(features, self.components.get(name))
            # Features and a centered copy; reduced and sorted ones; the kernel, its whitened form and a copy; L-BFGS
            # keeps 10 pairs of vectors.
            numbers = 2 * items * features + 3 * features**2 + 3 * items * r + 3 * items * m + 4 * m * m
            most = max(most, 8 * (numbers + 4 * items * bits + 24 * m * bits))
        return most
