import pytest
import torch

from crossmodal_hash.errors import ShapeError
from crossmodal_hash.levels.standardize import Standardize, moments
from crossmodal_hash.types import Level, LevelInfo

INFOS = [LevelInfo("vector", 3, 0), LevelInfo("sequence", 2, 1), LevelInfo("map", 4, 2)]


def live(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(3,), (2, 7), (4, 5, 6)]
    return tuple(Level(torch.randn(count, *shape, generator=generator) * 3 + 5) for shape in shapes)


def condensed(count, seed=0):
    return tuple(level.condense(2) for level in live(count, seed))


def test_before_fitting_it_changes_no_value():
    for before, after in zip(condensed(4), Standardize(INFOS, grid=2)(condensed(4)), strict=True):
        for (_, a), (_, b) in zip(before.tensors(), after.tensors(), strict=True):
            assert torch.equal(a, b)


def test_after_fitting_every_channel_of_every_summary_has_mean_0_and_deviation_1():
    standardize = Standardize(INFOS, grid=2)
    standardize.fit(condensed(50))
    for level in standardize(condensed(50)):
        for _, value in level.tensors():
            for channel in range(value.shape[1]):
                values = value[:, channel]
                assert values.mean().abs() < 1e-5
                assert (values.std(unbiased=False) - 1).abs() < 1e-5


def test_features_of_a_backbone_that_ran_just_now_come_out_as_the_stored_ones():
    standardize = Standardize(INFOS, grid=2)
    standardize.fit(condensed(50))
    for a, b in zip(standardize(live(4, seed=1)), standardize(condensed(4, seed=1)), strict=True):
        for (_, left), (_, right) in zip(a.tensors(), b.tensors(), strict=True):
            torch.testing.assert_close(left, right)


def test_moments_in_blocks_equal_moments_at_once():
    x = torch.randn(23, 3, 2, 2, dtype=torch.float64)
    for rows in (1, 5, 23, 100):
        mean, deviation = moments(x, rows)
        for channel in range(3):
            torch.testing.assert_close(mean[channel].double(), x[:, channel].mean(), atol=1e-6, rtol=0)
            torch.testing.assert_close(
                deviation[channel].double(), x[:, channel].std(unbiased=False), atol=1e-6, rtol=0
            )


def test_half_precision_features_do_not_overflow_and_come_out_single():
    stored = torch.full((3000, 1), 60000.0, dtype=torch.float16)
    stored[::2] = 50000.0
    standardize = Standardize([LevelInfo("vector", 1, 0)], grid=1)
    standardize.fit((Level(stored),))
    out = standardize((Level(stored),))[0].x
    assert out.dtype == torch.float32
    torch.testing.assert_close(out[:2], torch.tensor([[-1.0], [1.0]]))


def test_a_channel_that_is_constant_in_training_is_only_centered():
    standardize = Standardize([LevelInfo("vector", 1, 0)], grid=1)
    standardize.fit((Level(torch.full((9, 1), 0.1)),))
    torch.testing.assert_close(standardize((Level(torch.tensor([[0.3]])),))[0].x, torch.tensor([[0.2]]))


def test_statistics_are_saved_with_the_model():
    standardize, again = Standardize(INFOS, grid=2), Standardize(INFOS, grid=2)
    standardize.fit(condensed(20))
    again.load_state_dict(standardize.state_dict())
    assert torch.equal(again(condensed(3))[2].x, standardize(condensed(3))[2].x)


def test_maps_cannot_be_fitted_before_they_are_condensed():
    with pytest.raises(ShapeError, match="'sequence' must be condensed"):
        Standardize(INFOS, grid=2).fit(live(3))


def test_other_levels_than_declared_are_refused():
    standardize = Standardize(INFOS, grid=2)
    for run in (standardize, standardize.fit):
        with pytest.raises(ShapeError, match="expected levels"):
            run(condensed(3)[:2])


def test_shapes_flow_on_the_meta_device():
    standardize = Standardize(INFOS, grid=2).to("meta")
    levels = tuple(level.to(torch.device("meta")) for level in live(3))
    assert {level.x.device.type for level in standardize(levels)} == {"meta"}
