"""Small features of two modalities with something to learn, and labels that make trouble."""

import numpy as np
import pytest

SPECIAL = {
    "a single label": np.eye(3, dtype=np.uint8)[np.arange(30) % 3],
    "disjoint labels": np.eye(30, dtype=np.uint8),
    "one class": np.ones((30, 1), np.uint8),
    "no labels": np.zeros((30, 3), np.uint8),
}


def make(labels, seed=0, widths=(12, 20)):
    """Features that depend on the labels, with noise."""
    generator = np.random.default_rng(seed)
    return {
        name: labels @ generator.normal(size=(labels.shape[1], width))
        + 0.3 * generator.normal(size=(len(labels), width))
        + 5.0
        for name, width in zip(("image", "text"), widths, strict=True)
    }


@pytest.fixture
def labels():
    return np.random.default_rng(1).integers(0, 2, (60, 4)).astype(np.uint8)


@pytest.fixture
def features(labels):
    return make(labels)


@pytest.fixture(params=list(SPECIAL))
def special(request):
    return make(SPECIAL[request.param]), SPECIAL[request.param]
