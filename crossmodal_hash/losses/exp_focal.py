"""Loss `exp-focal`: a focal likelihood of similarity that falls exponentially with the relaxed Hamming distance."""

from __future__ import annotations

import warnings
from typing import Literal

import torch
from torch import Tensor

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._options import at_least, per_bit
from crossmodal_hash.losses._products import cosine, squared_distances, widen

Weights = Literal["class", "positive", "none"]
Distance = Literal["cosine", "euclidean"]
FLOOR = 1e-6
"""Smallest beta d: at 0 the log of 1 - p is minus infinity."""
STEEPEST = 8.0
"""Largest beta K / 2 that still separates unrelated items; above it all codes collapse to one point."""


def relaxed_hamming(u: Tensor, v: Tensor, distance: Distance = "cosine") -> Tensor:
    """(B, M) distances of (B, K) and (M, K) that equal the Hamming distance on codes in {-1, 1}.

    Example:
        >>> u = torch.tensor([[1.0, 1.0, -1.0]])
        >>> relaxed_hamming(u, -u, "euclidean")
        tensor([[3.]])
    """
    return u.shape[1] / 2 * (1 - cosine(u, v)) if distance == "cosine" else squared_distances(u, v) / 4


def exp_focal(
    u: Tensor,
    v: Tensor,
    s: Tensor,
    *,
    beta: float,
    gamma: float = 2.0,
    weights: Weights = "class",
    distance: Distance = "cosine",
) -> Tensor:
    """Mean of w [-s (1 - p)^gamma log p - (1 - s) p^gamma log(1 - p)], p = exp(-beta d) (CMHH, Cao et al., ECCV 2018).

    d is the relaxed Hamming distance and p the probability of "similar". The focal factors emphasize pairs that are
    still wrong.

    Args:
        u: (B, K) codes of one modality before the sign, any range.
        v: (M, K) codes they are compared with.
        s: (B, M) similarity in [0, 1].
        beta: > 0, per bit. 2 / K gives p = 1/e at K / 2 bits, the distance of unrelated items; not in the paper.
        gamma: focal exponent, >= 0; 0 is the plain likelihood.
        weights: `class` weights similar and dissimilar pairs of the block equally; `positive` weights similar pairs by
            their rarity; `none`.
        distance: `cosine` for K (1 - cos) / 2, `euclidean` for |u - v|^2 / 4.

    Returns:
        Scalar, >= 0; the mean over all B x M pairs.

    Example:
        >>> u = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
        >>> exp_focal(u, u, torch.eye(2), beta=1.0, gamma=0.0).item()  # -log(1 - 1/e) for the two pairs apart
        0.2293...
    """
    u, v, s = widen(u, v, s)
    x = (beta * relaxed_hamming(u, v, distance)).clamp(min=FLOOR)
    apart = -torch.expm1(-x)
    alike = s * apart**gamma * x
    unlike = -(1 - s) * torch.exp(-gamma * x) * apart.log()
    pairs, similar = s.numel(), s.sum()
    if weights == "class":
        alike = alike * pairs / (2 * similar.clamp(min=1))
        unlike = unlike * pairs / (2 * (pairs - similar).clamp(min=1))
    elif weights == "positive":
        alike = alike * pairs / similar.clamp(min=1)
    return (alike + unlike).mean()


class ExpFocal(HashLoss):
    """Focal likelihood on an exponential of the relaxed Hamming distance (CMHH).

    Args:
        beta: how fast similarity falls with distance: `scaled:<k>` for k / K, or `fixed:<value>`.
        gamma: focal exponent, >= 0.
        weights: `class`, `positive` or `none`.
        distance: `cosine` or `euclidean`; `euclidean` allows a larger beta.
    """

    def __init__(
        self,
        *,
        beta: str = "scaled:2",
        gamma: float = 2.0,
        weights: Weights = "class",
        distance: Distance = "cosine",
    ) -> None:
        super().__init__()
        per_bit(beta, 1, parameter="beta")
        at_least("gamma", gamma, 0)
        check_choice("weights", weights, Weights)
        check_choice("distance", distance, Distance)
        self.beta, self.gamma, self.weights, self.distance = beta, gamma, weights, distance

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `exp_focal`."""
        bits = u.shape[1]
        beta = per_bit(self.beta, bits, parameter="beta")
        if beta * bits / 2 > STEEPEST:
            warnings.warn(
                f"exp-focal: beta = {beta:g} at {bits} bits leaves dissimilar pairs without a gradient; "
                f"use at most {2 * STEEPEST / bits:g}",
                stacklevel=2,
            )
        return exp_focal(u, v, s, beta=beta, gamma=self.gamma, weights=self.weights, distance=self.distance)
