"""Small features of two modalities with something to learn, and labels that make trouble."""

import numpy as np
import pytest

from crossmodal_hash.components import CLOSED_FORMS

SPECIAL = {
    "a single label": np.eye(3, dtype=np.uint8)[np.arange(30) % 3],
    "disjoint labels": np.eye(30, dtype=np.uint8),
    "one class": np.ones((30, 1), np.uint8),
    "no labels": np.zeros((30, 3), np.uint8),
}


def make(labels, seed=0, widths=(12, 20)):
    """Features that depend on the labels, with noise; of methods that see no labels, in one space: `in_one_space`."""
    generator = np.random.default_rng(seed)
    return {
        name: labels @ generator.normal(size=(labels.shape[1], width))
        + 0.3 * generator.normal(size=(len(labels), width))
        + 5.0
        for name, width in zip(("image", "text"), widths, strict=True)
    }


def in_one_space(labels, seed=0, width=16):
    """Vectors of both modalities that depend on the labels in the same way, each with noise and a center of its own."""
    generator = np.random.default_rng(seed)
    common = labels @ generator.normal(size=(labels.shape[1], width))
    return {
        name: common + 0.3 * generator.normal(size=common.shape) + generator.normal(size=width)
        for name in ("image", "text")
    }


@pytest.fixture
def labels():
    return np.random.default_rng(1).integers(0, 2, (60, 4)).astype(np.uint8)


@pytest.fixture
def features(request, labels):
    return maker(request)(labels)


@pytest.fixture(params=list(SPECIAL))
def special(request):
    return maker(request)(SPECIAL[request.param]), SPECIAL[request.param]


def maker(request):
    """What makes features that the method of the test, if it has one, can be fitted to."""
    name = getattr(request.node, "callspec", None) and request.node.callspec.params.get("name")
    return in_one_space if name and CLOSED_FORMS.resolve(name).sees == "pairs" else make
