"""Fits the shortcut of a tower: rotated principal components of the frozen features of the training items (ITQ)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from crossmodal_hash.closed_forms.itq import towards_corners
from crossmodal_hash.closed_forms.pca import principal_directions
from crossmodal_hash.closed_forms.sign import random_directions
from crossmodal_hash.model import Tower
from crossmodal_hash.types import Levels


def rotated_components(
    x: NDArray[np.float64], bits: int, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The projection on the strongest principal components, rotated so that it loses least by the sign (ITQ).

    Where the features have fewer than K components, all are used, and the K values depend on each other.

    Args:
        x: features, (n, D).
        bits: K.
        generator: draws the rotation that ITQ starts from.

    Returns:
        The mean of the features, (D,); the projection of what is left when it is subtracted, (D, K); and the root mean
        square of the values that result.

    Example:
        >>> x = np.array([[3.0, 0.0, 1.0], [3.0, 2.0, 1.0]])
        >>> mean, w, size = rotated_components(x, 2, np.random.default_rng(0))
        >>> mean.tolist(), np.abs((x - mean) @ w).round(3).tolist(), round(size, 3)
        ([3.0, 1.0, 1.0], [[0.707, 0.707], [0.707, 0.707]], 0.707)
    """
    mean = x.mean(0)
    centered = x - mean
    count = min(bits, x.shape[1])
    directions = np.pad(principal_directions(centered, count), ((0, 0), (0, bits - count)))
    start = random_directions(bits, bits, generator)
    projection = directions @ towards_corners(centered @ directions, start=start)
    return mean, projection, float(np.sqrt(np.square(centered @ projection).mean()))


@torch.no_grad()
def fit_shortcut(tower: Tower, levels: Levels, seed: int) -> None:
    """Fit the shortcut of a tower that has one.

    Args:
        tower: its levels are standardized already.
        levels: the chosen levels of n training items, as they are cached.
        seed: of the training.
    """
    if tower.shortcut is None:
        return
    x = tower.pooled(tower.scaled(levels)).double().cpu().numpy()
    mean, projection, size = rotated_components(x, tower.bits, np.random.default_rng(seed))
    tower.shortcut.fit(torch.from_numpy(mean), torch.from_numpy(projection), size)
