import numpy as np
import pytest

from crossmodal_hash.errors import DataError, SettingsError, ShapeError
from crossmodal_hash.metrics import mean_interval, paired_interval


def test_the_interval_is_that_of_the_normal_law_for_many_queries():
    values = np.random.default_rng(0).normal(0.5, 0.2, 2000)
    found = mean_interval(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half), abs=0.1 * half)


def test_the_same_seed_gives_the_same_interval_and_another_does_not():
    values = np.random.default_rng(0).random(50)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_queries_left_out_are_dropped():
    values = np.random.default_rng(0).random(30)
    assert mean_interval(np.append(values, np.nan)) == mean_interval(values)
    one = mean_interval(np.array([0.4, np.nan]))
    assert (one.low, one.mean, one.high) == (0.4, 0.4, 0.4)


def test_pairing_sees_a_small_difference_between_noisy_systems():
    rng = np.random.default_rng(0)
    hard = rng.random(300)
    a, b = hard + 0.02 + 0.01 * rng.normal(size=300), hard
    assert paired_interval(a, b).low > 0
    assert mean_interval(a).low < mean_interval(b).high


def test_what_cannot_be_resampled_is_refused():
    with pytest.raises(DataError, match="no query"):
        mean_interval(np.array([np.nan]))
    with pytest.raises(SettingsError, match="level"):
        mean_interval(np.ones(3), level=95)
    with pytest.raises(SettingsError, match="resample"):
        mean_interval(np.ones(3), resamples=0)
    with pytest.raises(ShapeError, match="same queries"):
        paired_interval(np.ones(3), np.ones(4))


def test_rounding_is_no_difference():
    a = np.full(50, 0.1 + 0.2)
    b = np.full(50, 0.3)
    assert a[0] != b[0]
    found = paired_interval(a, b)
    assert (found.mean, found.low, found.high) == (0, 0, 0)
    b[:5] = 0.2
    assert paired_interval(a, b).low >= 0 < paired_interval(a, b).high
    b[:5] = 0.3
    b[0] = 0.1
    assert paired_interval(a, b).low == 0


def test_the_ends_are_percentiles_of_resampled_means():
    values = np.random.default_rng(0).exponential(size=12)  # skewed: corrected (BCa) ends are 8 % higher
    means = np.random.default_rng(1).choice(values, (20_000, len(values))).mean(axis=1)
    found = mean_interval(values, level=0.8, resamples=20_000)
    assert [found.low, found.high] == pytest.approx(np.percentile(means, [10, 90]).tolist(), rel=0.03)


def test_an_interval_is_95_percent_by_2000_resamples_from_seed_0_unless_asked_otherwise():
    a, b = np.random.default_rng(0).random((2, 30))
    asked = {"level": 0.95, "resamples": 2000, "seed": 0}
    assert mean_interval(a) == mean_interval(a, **asked)
    assert paired_interval(a, b) == paired_interval(a, b, **asked)


def test_a_paired_interval_is_of_as_many_resamples_as_asked_for():
    a, b = np.random.default_rng(0).random((2, 50))
    assert paired_interval(a, b, resamples=20) == mean_interval(a - b, resamples=20) != paired_interval(a, b)
