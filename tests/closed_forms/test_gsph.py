import numpy as np
import pytest

from crossmodal_hash.closed_forms import _kernel_method
from crossmodal_hash.closed_forms.gsph import GSPH, Target, error, factorize, sweep
from crossmodal_hash.errors import SettingsError


def whole(labels, bits, center):
    rows = labels.astype(float)
    length = np.sqrt(np.maximum(rows.sum(1), 1))
    cosine = rows @ rows.T / np.outer(length, length)
    return bits * (2 * cosine - 1 if center else cosine)


@pytest.mark.parametrize("center", [False, True])
def test_the_table_is_multiplied_without_being_formed(labels, center):
    target, table = Target(labels, 6, center=center), whole(labels, 6, center)
    b = np.random.default_rng(0).uniform(-1, 1, (len(labels), 6))
    a = np.random.default_rng(1).uniform(-1, 1, (len(labels), 6))
    np.testing.assert_allclose(target.times(b), table @ b, atol=1e-10)
    assert target.square() == pytest.approx((table**2).sum())
    assert error(a, b, target) == pytest.approx(((table - a @ b.T) ** 2).sum())


@pytest.mark.parametrize("center", [False, True])
def test_a_sweep_updates_column_after_column_from_the_residual_and_the_error_never_rises(labels, center):
    target, table = Target(labels, 6, center=center), whole(labels, 6, center)
    generator = np.random.default_rng(0)
    a, b = (generator.uniform(-1, 1, (len(labels), 6)) for _ in range(2))
    slow, before = a.copy(), error(a, b, target)
    for k in range(6):
        slow[:, k] = np.clip(slow[:, k] - (slow @ b.T - table) @ b[:, k] / (b[:, k] @ b[:, k]), -1, 1)
        now = error(slow, b, target)
        assert now <= before + 1e-9
        before = now
    np.testing.assert_allclose(sweep(a, b, target), slow, atol=1e-10)


def test_a_column_of_zeros_decides_nothing(labels):
    b = np.zeros((len(labels), 2))
    b[:, 1] = 1.0
    a = np.full((len(labels), 2), 0.5)
    swept = sweep(a, b, Target(labels, 2))
    assert (swept[:, 0] == 0.5).all()
    assert np.isfinite(swept).all()


def test_factors_of_items_with_common_labels_point_the_same_way(labels):
    a, b = factorize(Target(labels, 16), len(labels), 16, np.random.default_rng(0))
    product = np.where(a >= 0, 1, -1) @ np.where(b >= 0, 1, -1).T
    alike = labels.astype(int) @ labels.T > 0
    assert np.abs(a).max() <= 1
    assert product[alike].mean() > product[~alike].mean() + 4


def test_targets_are_shared_or_separate(features, labels, monkeypatch):
    seen = []
    monkeypatch.setattr(_kernel_method, "fit_kernel_code", lambda code, x, codes, *rest: seen.append(codes))
    GSPH().fit(features, labels, 8, np.random.default_rng(0))
    GSPH(targets="separate").fit(features, labels, 8, np.random.default_rng(0))
    assert (seen[0] == seen[1]).all()
    assert (seen[0] == seen[2]).all()
    assert (seen[2] != seen[3]).any()


def test_no_anchors_are_refused():
    with pytest.raises(SettingsError, match="count=0 must be at least 1"):
        GSPH(count=0)
