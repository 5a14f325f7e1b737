import pytest
import torch

from crossmodal_hash.levels.drop import ChannelDropout, drop_channels
from crossmodal_hash.types import Level


def test_a_channel_goes_with_its_average_and_its_maximum_or_stays_with_both():
    torch.manual_seed(0)
    level = Level(torch.rand(20, 30, 4, 4) + 1).condense(2)
    dropped = drop_channels(level, 0.5)
    factors = [b / a for (_, a), (_, b) in zip(level.tensors(), dropped.tensors(), strict=True)]
    mask = factors[1]
    assert set(mask.round(decimals=4).unique().tolist()) == {0.0, 2.0}
    torch.testing.assert_close(factors[0], mask[:, :, None, None].expand_as(level.x))
    torch.testing.assert_close(factors[2], mask)
    assert not torch.equal(mask[0], mask[1])


@pytest.mark.parametrize("shape", [(400, 500), (400, 500, 3), (400, 500, 2, 2)])
def test_the_share_is_p_and_the_mean_stays_for_every_kind_of_level(shape):
    torch.manual_seed(0)
    out = drop_channels(Level(torch.ones(shape)), 0.25)
    assert (out.x == 0).double().mean().item() == pytest.approx(0.25, abs=0.01)
    assert out.x.double().mean().item() == pytest.approx(1.0, abs=0.02)
    assert out.average is None
    assert out.maximum is None


def test_levels_have_draws_of_their_own():
    torch.manual_seed(0)
    a, b = ChannelDropout(0.5)([Level(torch.ones(8, 50)), Level(torch.ones(8, 50))])
    assert not torch.equal(a.x, b.x)


def test_nothing_is_dropped_or_drawn_in_evaluation_or_without_a_share():
    levels = (Level(torch.randn(4, 6, 2, 2)),)
    before = torch.get_rng_state()
    assert ChannelDropout(0.5).eval()(levels)[0] is levels[0]
    assert ChannelDropout(0.0).train()(levels)[0] is levels[0]
    assert torch.equal(torch.get_rng_state(), before)
