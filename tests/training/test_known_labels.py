"""Codes made from labels: the likelihood they minimize, re-computed by another optimizer."""

import numpy as np
import pytest
from scipy.optimize import minimize

from crossmodal_hash.training import known_labels
from crossmodal_hash.training.known_labels import codes_of_labels


@pytest.fixture
def items():
    generator = np.random.default_rng(0)
    labels = (generator.random((60, 5)) < 0.3).astype(np.uint8)
    hidden = labels @ generator.normal(size=(5, 6))
    real = {m: np.tanh(hidden + generator.normal(size=hidden.shape)).astype(np.float32) for m in ("image", "text")}
    return labels, real


def loss(b, labels, real, learned):
    """The mean over training items and modalities, written as in the documentation."""
    similar = [[bool((x & y).any()) for y in learned] for x in learned]
    prior = np.log(np.mean(similar) / (1 - np.mean(similar)))
    values = []
    for u in real.values():
        for row, other in zip(u, learned, strict=True):
            theta = 8 / len(b) * float(b @ row) + prior
            values.append(np.logaddexp(0, theta) - bool((labels & other).any()) * theta)
    return np.mean(values)


def test_no_other_code_in_the_box_has_a_lower_loss(items):
    labels, real = items
    codes = codes_of_labels(labels[:4], real, labels)
    for own, code in zip(labels[:4], codes, strict=True):
        best = minimize(loss, np.zeros(6), args=(own, real, labels), bounds=[(-1, 1)] * 6)
        assert loss(code, own, real, labels) == pytest.approx(best.fun, abs=1e-3)


def test_the_same_labels_have_the_same_code_whatever_lies_between(items, monkeypatch):
    labels, real = items
    codes = codes_of_labels(np.concatenate([labels, labels]), real, labels)
    assert (codes[:60] == codes[60:]).all()
    assert np.abs(codes).max() <= 1
    monkeypatch.setattr(known_labels, "CHUNK", 3)
    np.testing.assert_allclose(codes_of_labels(labels, real, labels), codes[:60], atol=1e-5)


def test_real_codes_without_bounds_count_as_the_ends_of_the_box(items):
    labels, real = items
    far = {name: 1e6 * u for name, u in real.items()}
    signs = {name: np.sign(u) for name, u in real.items()}
    assert (codes_of_labels(labels, far, labels) == codes_of_labels(labels, signs, labels)).all()


def test_no_items_have_no_codes(items):
    labels, real = items
    assert codes_of_labels(labels[:0], real, labels).shape == (0, 6)
