import pytest
import torch
from torch import nn
from torch.nn import functional as nnf

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.fusion.cbam import CBAM, attend_channels, attend_positions
from crossmodal_hash.types import Level, LevelInfo

BITS = 6
INFOS = [LevelInfo("low", 8, 2), LevelInfo("high", 16, 2)]


def block(infos=INFOS, **params):
    torch.manual_seed(0)
    fusion = CBAM(**params)
    fusion.setup(infos, BITS)
    return fusion


def maps(side=5):
    return [Level(torch.randn(3, 8, side, side)), Level(torch.randn(3, 16, side, side))]


def test_a_level_equals_attention_written_out_value_by_value():
    fusion = block(INFOS[:1], kernel=3)
    x = torch.randn(2, 8, 3, 4)
    attention, code = fusion.attention[0], fusion.codes[0]
    with torch.no_grad():
        (value,) = fusion([Level(x)]).per_level
        for b in range(2):
            mean = torch.stack([x[b, d].mean() for d in range(8)])
            peak = torch.stack([x[b, d].max() for d in range(8)])
            a = torch.sigmoid(attention.mlp(mean) + attention.mlp(peak))
            attended = torch.stack([x[b, d] * a[d] for d in range(8)])
            planes = torch.stack([attended.mean(0), attended.max(0).values])
            padded = nnf.pad(planes, (1, 1, 1, 1))
            total = torch.zeros(BITS)
            for i in range(3):
                for j in range(4):
                    m = torch.sigmoid((padded[:, i : i + 3, j : j + 3] * attention.conv.weight[0]).sum())
                    total += code(attended[:, i, j] * m)
            torch.testing.assert_close(value[b], total / 12)


@pytest.mark.parametrize("side", [1, 2, 3])
def test_on_a_small_map_a_kernel_of_7_is_the_largest_odd_one_that_fits(side):
    x = torch.randn(2, 4, side, side)
    conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
    size = 2 * side - 1
    margin = (7 - size) // 2
    cropped = nn.Conv2d(2, 1, size, padding=size // 2, bias=False)
    cropped.weight.data = conv.weight.data[:, :, margin : 7 - margin, margin : 7 - margin]
    torch.testing.assert_close(attend_positions(x, conv), attend_positions(x, cropped))


def test_channel_attention_of_a_condensed_level_uses_the_statistics_of_its_map():
    level = Level(torch.randn(2, 4, 5, 5))
    mlp = nn.Linear(4, 4)
    gate = attend_channels(level, mlp).mean((2, 3)) / level.mean()
    stored = level.condense(2)
    torch.testing.assert_close(attend_channels(stored, mlp).mean((2, 3)) / stored.x.mean((2, 3)), gate)


def test_a_vector_has_no_positions_to_attend_to():
    fusion = block([LevelInfo("vector", 8, 0)])
    x = torch.randn(3, 8)
    mlp, code = fusion.attention[0].mlp, fusion.codes[0]
    expected = code(x * torch.sigmoid(2 * mlp(x)))
    torch.testing.assert_close(fusion([Level(x)]).per_level[0], expected)


def test_the_matrix_at_its_mean_returns_the_average_of_the_level_codes():
    fusion = block()
    nn.init.constant_(fusion.matrix, 1 / 2)
    fused = fusion(maps())
    average = (torch.tanh(fused.per_level[0]) + torch.tanh(fused.per_level[1])) / 2
    torch.testing.assert_close(torch.tanh(fused.features), torch.tanh(average))


def test_the_matrix_is_drawn_around_one_over_levels_with_deviation_one_over_bits():
    fusion = CBAM()
    fusion.setup([LevelInfo(str(i), 2, 0) for i in range(4)], bits=2000)
    assert abs(fusion.matrix.mean() - 0.25) < 1e-4
    assert abs(fusion.matrix.std() - 1 / 2000) < 5e-5


def test_without_an_outer_tanh_the_level_values_are_codes_already():
    inner, plain = block(), block(outer="none")
    levels = maps()
    with_tanh, without = inner(levels), plain(levels)
    torch.testing.assert_close(without.features, with_tanh.features)
    for a, b in zip(with_tanh.per_level, without.per_level, strict=True):
        torch.testing.assert_close(torch.tanh(a), b)


@pytest.mark.parametrize("outer", ["tanh", "none"])
def test_concat_gives_each_level_its_own_bits(outer):
    fusion, levels = block(combine="concat", outer=outer), maps()
    fused = fusion(levels)
    values = [
        layer(attention(level)) for layer, attention, level in zip(fusion.codes, fusion.attention, levels, strict=True)
    ]
    expected = torch.cat(values, 1)
    torch.testing.assert_close(fused.features, torch.tanh(expected) if outer == "none" else expected)
    assert fused.per_level == ()
    assert not hasattr(fusion, "matrix")


def test_bits_that_the_levels_cannot_share_are_refused():
    fusion = CBAM(combine="concat")
    with pytest.raises(SettingsError, match="7 bits cannot be shared by 2 levels; use a multiple of 2"):
        fusion.setup(INFOS, 7)


@pytest.mark.parametrize(
    "wrong", [{"reduction": 0}, {"kernel": 4}, {"kernel": -1}, {"outer": "relu"}, {"combine": "max"}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        CBAM(**wrong)


def test_the_squeezed_width_never_falls_below_four():
    assert [attention.mlp[0].out_features for attention in block(reduction=16).attention] == [4, 4]
    assert block([LevelInfo("wide", 128, 0)]).attention[0].mlp[0].out_features == 8


def test_dropout_acts_on_the_attended_and_averaged_level_in_training_only():
    plain, dropping = block(), block(dropout=0.5)
    levels = maps()
    assert torch.equal(dropping.eval()(levels).features, plain(levels).features)
    seen = []
    for layer in dropping.train().codes:
        layer.register_forward_hook(lambda layer, given, out: seen.append(given[0]))
    dropping(levels)
    for x, attention, level in zip(seen, dropping.attention, levels, strict=True):
        whole = attention(level)
        kept = x != 0
        assert 0 < kept.sum() < kept.numel()
        torch.testing.assert_close(x, torch.where(kept, 2 * whole, 0.0))


def test_without_dropout_nothing_is_drawn():
    before = torch.get_rng_state()
    fusion = block().train()
    levels = maps()
    torch.set_rng_state(before)
    fusion(levels)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(SettingsError, match=rf"dropout={share} must be in \[0, 1\)"):
        CBAM(dropout=share)
