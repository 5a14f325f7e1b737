"""Fits the shortcut of a tower: rotated principal components of the frozen features of the training items (ITQ)."""

from __future__ import annotations

import numpy as np
import torch

from crossmodal_hash.closed_forms.itq import rotated_components
from crossmodal_hash.model import Tower
from crossmodal_hash.types import Levels


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
    mean = x.mean(0)
    centered = x - mean
    projection = rotated_components(centered, tower.bits, np.random.default_rng(seed))
    size = float(np.sqrt(np.square(centered @ projection).mean()))
    tower.shortcut.fit(torch.from_numpy(mean), torch.from_numpy(projection), size)
