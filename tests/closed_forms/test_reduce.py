import numpy as np
import torch

from crossmodal_hash.closed_forms._linear_code import linear_code
from crossmodal_hash.closed_forms._reduce import reduce


def test_components_are_the_leading_eigenvectors_and_are_not_whitened(features):
    x = features["text"]
    reduction = reduce(x, 4)
    values, vectors = np.linalg.eigh(np.cov(x.T))
    np.testing.assert_allclose(np.abs((vectors[:, ::-1][:, :4] * reduction.basis).sum(0)), 1, atol=1e-8)
    np.testing.assert_allclose(reduction.apply(x).var(0, ddof=1), values[::-1][:4])


def test_components_are_capped_by_rank_and_by_items(features):
    x = features["text"][:3]
    assert reduce(x, 500).basis.shape == (20, 2)
    copies = np.concatenate([features["image"]] * 2, 1)
    assert reduce(copies, 500).basis.shape == (24, 12)


def test_without_a_number_features_are_centered_only(features):
    x = features["image"]
    np.testing.assert_allclose(reduce(x, None).apply(x), x - x.mean(0))


def test_a_linear_code_is_centering_components_projection_and_threshold(features):
    x = features["text"]
    w, a = np.random.default_rng(0).normal(size=(4, 8)), np.arange(8.0)
    reduction = reduce(x, 4)
    code = linear_code(reduction, w, a)
    found = code([torch.from_numpy(x[:, :5]), torch.from_numpy(x[:, 5:])]).features.numpy()
    np.testing.assert_allclose(found, reduction.apply(x) @ w - a, rtol=1e-5, atol=1e-5)
