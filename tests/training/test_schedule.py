import math

import numpy as np
import pytest

from crossmodal_hash.settings.schema import TrainSettings
from crossmodal_hash.training.schedule import learning_rate


def test_the_published_paths_start_and_end_where_the_papers_say():
    from crossmodal_hash.settings.resolve import resolve

    ends = {"hsidhn": (-1.1, -6.1), "dspah": (-1.5, -6.5), "scahn": (-1.1, -5.6)}
    ends |= dict.fromkeys(("dcmh", "prdh", "mlsph", "tdh"), (-1.5, -6))
    for name, (first, last) in ends.items():
        train = resolve(name, frozen_by_default=False).settings.train
        assert math.log10(learning_rate(train, 0, 10)) == pytest.approx(first)
        assert math.log10(learning_rate(train, 10 * (train.epochs - 1), 10)) == pytest.approx(last)


def test_a_log_linear_rate_falls_by_a_constant_factor_each_epoch_and_not_within():
    train = TrainSettings(schedule="log-linear", lr=1.0, lr_end=1e-4, epochs=5)
    rates = [learning_rate(train, step, 4) for step in range(20)]
    assert rates[0] == rates[3]
    assert [rates[4 * e] for e in range(5)] == pytest.approx([1, 0.1, 0.01, 0.001, 0.0001])


def test_a_linear_rate_falls_by_as_much_each_epoch_and_not_within():
    train = TrainSettings(schedule="linear", lr=1.0, lr_end=0.2, epochs=5)
    rates = [learning_rate(train, step, 4) for step in range(20)]
    assert rates[0] == rates[3]
    assert [rates[4 * e] for e in range(5)] == pytest.approx([1, 0.8, 0.6, 0.4, 0.2])
    assert learning_rate(train, 99, 4) == pytest.approx(0.2)


def test_half_way_through_dcmh_as_published_its_rate_is_half_the_first():
    from crossmodal_hash.settings.resolve import resolve

    # The public code: numpy.linspace(10 ** -1.5, 10 ** -6, 500)[250].
    train = resolve("dcmh", frozen_by_default=False).settings.train
    assert learning_rate(train, 250 * 10, 10) == pytest.approx(0.0157800, rel=1e-4)


def test_one_cycle_rises_to_the_highest_rate_and_falls_to_almost_nothing():
    train = TrainSettings(schedule="one-cycle", lr=1.0, epochs=10)
    rates = [learning_rate(train, step, 10) for step in range(100)]
    top = rates.index(max(rates))
    assert 25 <= top <= 35
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[-1] < 1e-5
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_one_epoch_and_one_step_have_a_rate():
    for schedule in ("constant", "one-cycle", "linear", "log-linear"):
        assert learning_rate(TrainSettings(schedule=schedule, epochs=1), 0, 1) > 0


def test_one_cycle_ends_at_a_ten_thousandth_of_where_it_begins():
    # Smith and Topin; torch.optim.lr_scheduler.OneCycleLR has div_factor=25 and final_div_factor=1e4.
    train = TrainSettings(schedule="one-cycle", lr=1.0, epochs=10)
    assert [learning_rate(train, step, 10) for step in (0, 99)] == pytest.approx([1 / 25, 1 / 250_000])


def test_the_schedule_begins_when_guides_have_learned():
    alone = TrainSettings(schedule="linear", lr=1.0, lr_end=0.2, epochs=5)
    train = TrainSettings(schedule="linear", lr=1.0, lr_end=0.2, epochs=7, memory="batch", guide_epochs=2)
    rates = [learning_rate(train, step, 4, guided=True) for step in range(28)]
    assert rates == [1.0] * 8 + [learning_rate(alone, step, 4) for step in range(20)]
    assert [learning_rate(train, 4 * e, 4) for e in range(7)] == pytest.approx(np.linspace(1, 0.2, 7))
