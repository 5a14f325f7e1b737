"""A small data set of two matrices and labels that both tell."""

import numpy as np

from crossmodal_hash.data import Dataset, Matrix


def vectors():
    """160 items, 20 values a side, 4 labels."""
    rng = np.random.default_rng(0)
    labels = (rng.random((160, 4)) < 0.4).astype(np.uint8)
    sides = {name: labels @ rng.normal(size=(4, 20)) + rng.normal(size=(160, 20)) for name in ("image", "text")}
    modalities = {name: Matrix(x.astype(np.float32)) for name, x in sides.items()}
    return Dataset("vectors", tuple(map(str, range(160))), modalities, labels, tuple("abcd"))
