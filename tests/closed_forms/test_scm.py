import numpy as np
import pytest

from crossmodal_hash.closed_forms.scm import SCM, Directions, factor, orthogonal, semantic_correlation, sequential
from crossmodal_hash.errors import SettingsError


def centered(features):
    return [x - x.mean(0) for x in features.values()]


def test_semantic_correlation_is_that_of_the_whole_table(features, labels):
    x, y = centered(features)
    table = np.empty((len(labels), len(labels)))
    for i, a in enumerate(labels.astype(float)):
        for j, b in enumerate(labels.astype(float)):
            length = np.sqrt(a.sum() * b.sum())
            table[i, j] = 2 * (a @ b / length if length else 0.0) - 1
    np.testing.assert_allclose(semantic_correlation(x, y, labels, 16), 16 * x.T @ table @ y, atol=1e-8)


def test_orthogonal_directions_have_unit_variance_and_no_covariance(features, labels):
    x, y = centered(features)
    wx, wy = orthogonal(x, y, labels, 8)
    np.testing.assert_allclose(wx.T @ (x.T @ x) @ wx, np.eye(8), atol=1e-6)
    np.testing.assert_allclose(wy.T @ (y.T @ y) @ wy, np.eye(8), atol=1e-6)


def test_orthogonal_directions_solve_the_generalized_eigenproblem(features, labels):
    x, y = centered(features)
    wx, wy = orthogonal(x, y, labels, 3)
    cxy = semantic_correlation(x, y, labels, 3)
    cxx, cyy = x.T @ x, y.T @ y
    strengths = np.diag(wx.T @ cxy @ wy)
    left = cxy @ np.linalg.solve(cyy, cxy.T) @ wx
    np.testing.assert_allclose(left, cxx @ wx * strengths**2, rtol=1e-4, atol=1e-4 * np.abs(left).max())
    np.testing.assert_allclose(np.linalg.solve(cyy, cxy.T @ wx) / strengths, wy, rtol=1e-3, atol=1e-6)
    assert (np.diff(strengths) <= 0).all()
    assert (wx[np.abs(wx).argmax(0), np.arange(3)] > 0).all()


def test_sequential_bits_each_take_what_the_signs_before_left(features, labels):
    x, y = centered(features)
    wx, wy = sequential(x, y, labels, 3)
    left = semantic_correlation(x, y, labels, 3)
    for k in range(3):
        best = Directions(x, y).best(left)[1][0]
        assert wx[:, k] @ left @ wy[:, k] == pytest.approx(best)
        hx, hy = np.where(x @ wx[:, k] >= 0, 1, -1), np.where(y @ wy[:, k] >= 0, 1, -1)
        left = left - np.outer(x.T @ hx, y.T @ hy)


def test_sequential_gives_more_bits_than_there_are_dimensions(features, labels):
    x, y = centered(features)
    wx, wy = sequential(x, y, labels, 40)
    assert wx.shape == (12, 40)
    assert wy.shape == (20, 40)
    assert np.isfinite(wx).all()


def test_too_many_orthogonal_bits_are_refused_with_the_way_out(features, labels):
    with pytest.raises(SettingsError, match=r"12 directions.*16 bits; use variant='sequential', or at most 12"):
        SCM(variant="orthogonal").fit(features, labels, 16, np.random.default_rng(0))


@pytest.mark.parametrize("count", [1, 3])
def test_other_than_two_modalities_are_refused(features, labels, count):
    some = {f"{name}{i}": x for i in range(2) for name, x in features.items()}
    with pytest.raises(SettingsError, match=f"scm needs two modalities, not {count} .*seph"):
        SCM().fit(dict(list(some.items())[:count]), labels, 4, np.random.default_rng(0))


def test_copied_and_constant_columns_have_a_factor():
    x = np.random.default_rng(0).normal(size=(20, 3)) * 1e4
    x = np.concatenate([x, x, np.zeros((20, 1))], 1)
    lower = factor(x)
    np.testing.assert_allclose(lower @ lower.T, x.T @ x, rtol=1e-4, atol=1e4)


def test_fewer_components_than_one_are_refused():
    with pytest.raises(SettingsError, match=r"components\.text=0 must be at least 1"):
        SCM(components={"text": 0})
