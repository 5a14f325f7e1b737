import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from crossmodal_hash.closed_forms._anchors import bandwidth, choose_anchors, kernel
from crossmodal_hash.closed_forms._kernel_code import KernelCode
from crossmodal_hash.closed_forms._kernel_logistic import kernel_logistic, objective
from crossmodal_hash.closed_forms._kernel_method import fit_kernel_code, log_odds
from crossmodal_hash.closed_forms._reduce import reduce


def test_bandwidth_is_the_mean_squared_distance_of_all_pairs(features):
    x = features["image"]
    assert bandwidth(x) == pytest.approx(np.mean([((a - b) ** 2).sum() for a in x for b in x]))
    assert bandwidth(np.full((4, 2), 0.1)) == 1.0


def test_the_kernel_is_gaussian(features):
    x = features["image"]
    slow = [[np.exp(-((a - b) ** 2).sum() / 3.0) for b in x[:4]] for a in x]
    np.testing.assert_allclose(kernel(x, x[:4], 3.0), slow, rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("kind", ["kmeans", "random"])
def test_anchors_are_different_even_where_rows_are_copies(kind):
    x = np.repeat(np.arange(6.0).reshape(3, 2), 10, 0)
    found = choose_anchors(x, 20, kind, np.random.default_rng(0))
    np.testing.assert_allclose(np.sort(found, 0), x[::10], atol=1e-12)


def test_random_anchors_are_rows(features):
    x = features["image"]
    found = choose_anchors(x, 7, "random", np.random.default_rng(0))
    assert {tuple(row) for row in found} <= {tuple(row) for row in x}
    assert len({tuple(row) for row in found}) == 7


def test_the_gradient_of_logistic_regression_is_that_of_finite_differences():
    generator = np.random.default_rng(0)
    phi, codes, at = generator.normal(size=(9, 3)), generator.choice([-1.0, 1.0], (9, 2)), generator.normal(size=8)
    step = 1e-6 * np.eye(8)
    numeric = [(objective(at + e, phi, codes, 0.1)[0] - objective(at - e, phi, codes, 0.1)[0]) / 2e-6 for e in step]
    np.testing.assert_allclose(objective(at, phi, codes, 0.1)[1], numeric, atol=1e-6)


def test_every_bit_is_the_logistic_regression_that_scikit_learn_finds(features):
    x = features["image"]
    codes = np.where(np.random.default_rng(0).normal(size=(60, 3)) + x[:, :3] > 5, 1.0, -1.0)
    own, k = kernel(x[:8], x[:8], 40.0), kernel(x, x[:8], 40.0)
    weight, bias = kernel_logistic(k, own, codes)
    lower = np.linalg.cholesky(own)
    phi = np.linalg.solve(lower, k.T).T
    for bit in range(3):
        model = LogisticRegression(C=1 / 0.02, tol=1e-10, max_iter=10_000).fit(phi, codes[:, bit])
        np.testing.assert_allclose(k @ weight[:, bit] + bias[bit], model.decision_function(phi), atol=2e-3)


def test_a_fitted_code_is_the_kernel_expansion_it_was_fitted_as(features):
    x = features["text"]
    codes = np.where(np.random.default_rng(0).normal(size=(60, 5)) >= 0, 1.0, -1.0)
    code = KernelCode(anchors=100, components=6)
    fit_kernel_code(code, x, codes, "random", np.random.default_rng(0))
    z = reduce(x, 6).apply(x)
    points = choose_anchors(z, 100, "random", np.random.default_rng(0))
    scale = bandwidth(z)
    weight, bias = kernel_logistic(kernel(z, points, scale), kernel(points, points, scale), codes)
    found = code([torch.from_numpy(x[:, :11]), torch.from_numpy(x[:, 11:])]).features.numpy()
    np.testing.assert_allclose(found, kernel(z, points, scale) @ weight + bias, rtol=1e-4, atol=1e-4)


def test_unified_odds_are_bayes_rule_for_independent_views():
    code = KernelCode(anchors=1)
    code.prior = torch.tensor([np.log(0.2 / 0.8)])
    a, b = torch.tensor([[0.9]]), torch.tensor([[-0.4]])
    p, q = torch.sigmoid(a), torch.sigmoid(b)
    odds = (p * q / 0.2) / ((1 - p) * (1 - q) / 0.8)
    torch.testing.assert_close(code.unify([a, b]), odds.log(), check_dtype=False)


def test_bits_that_never_change_have_finite_odds():
    assert log_odds(np.ones((5, 1)))[0] == pytest.approx(np.log(999))


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_equal_items_give_finite_codes(value):
    code = KernelCode(anchors=4, components=3)
    x = np.full((6, 5), value)
    fit_kernel_code(code, x, np.ones((6, 2)), "kmeans", np.random.default_rng(0))
    assert torch.isfinite(code([torch.from_numpy(x)]).features).all()
