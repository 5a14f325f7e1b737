import pytest
import torch

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.factory import build_model
from crossmodal_hash.fusion.bbi import BBI
from crossmodal_hash.pooling.pyramid import Pyramid
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.types import Level, LevelInfo


def block(widths, **params):
    torch.manual_seed(0)
    fusion = BBI(**params)
    fusion.setup([LevelInfo(f"level{i}", width, 0) for i, width in enumerate(widths)], bits=8)
    return fusion.double().eval(), [torch.randn(3, width, dtype=torch.float64) for width in widths]


def slow(step, a, b):
    """(U'a + r) o (V'b + q), one output at a time."""
    columns = []
    for m in range(step.u.out_features):
        left = (a * step.u.weight[m]).sum(1) + step.u.bias[m]
        right = (b * step.v.weight[m]).sum(1) + step.v.bias[m]
        columns.append(left * right)
    return torch.stack(columns, 1)


def test_three_levels_follow_equation_12():
    fusion, (x1, x2, x3) = block([4, 5, 6], rank=7, norm="none")
    (i1, i2), (j1, j2) = fusion.up.steps, fusion.down.steps
    z1 = slow(i2, slow(i1, x1, x2), x3)
    z2 = slow(j2, slow(j1, x3, x2), x1)
    torch.testing.assert_close(fusion([x1, x2, x3]).features, torch.cat([z1, z2], 1))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_there_are_twice_as_many_interactions_as_steps(count):
    fusion, _ = block([4] * count, rank=2)
    assert len(fusion.up.steps) + len(fusion.down.steps) == 2 * (count - 1)


@pytest.mark.parametrize("norm", ["bn", "none", "signed-sqrt-l2"])
def test_two_levels_give_the_same_both_ways_when_the_factors_are_exchanged(norm):
    fusion, xs = block([4, 5], rank=6, norm=norm)
    up, down = fusion.up.steps[0], fusion.down.steps[0]
    down.u.load_state_dict(up.v.state_dict())
    down.v.load_state_dict(up.u.state_dict())
    z1, z2 = fusion(xs).features.chunk(2, 1)
    torch.testing.assert_close(z1, z2)


def test_a_single_level_interacts_with_itself():
    fusion, (x,) = block([4], rank=3, norm="none")
    expected = [slow(fusion.up.steps[0], x, x), slow(fusion.down.steps[0], x, x)]
    torch.testing.assert_close(fusion([x]).features, torch.cat(expected, 1))


def test_shared_projections_follow_the_authors_chain():
    fusion, (x1, x2, x3) = block([4, 5, 6], rank=7, norm="none", share="levels")
    p1, p2, p3 = (layer(x) for layer, x in zip(fusion.inputs, (x1, x2, x3), strict=True))
    between = fusion.between
    expected = torch.cat([between(p1 * p2) * p3, between(p3 * p2) * p1], 1)
    torch.testing.assert_close(fusion([x1, x2, x3]).features, expected)


def test_batch_norm_is_applied_to_every_interaction():
    fusion, xs = block([4, 5, 6], rank=7)
    fusion.train()
    z = fusion(xs).features
    torch.testing.assert_close(z.mean(0), torch.zeros_like(z[0]), atol=1e-9, rtol=0)
    assert sum(isinstance(m, torch.nn.BatchNorm1d) for m in fusion.modules()) == 4


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"norm": "layer"}, {"share": "all"}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        BBI(**wrong)


@pytest.mark.parametrize("share", ["none", "levels"])
def test_levels_interact_place_by_place_and_are_pooled_at_the_end_as_in_equations_8_and_9(share):
    torch.manual_seed(0)
    maps = [torch.randn(3, width, 6, 6, dtype=torch.float64) for width in (4, 5, 6)]
    fusion = BBI(rank=7, norm="none", share=share, positions=4)
    fusion.setup([LevelInfo(f"level{i}", 4 * m.shape[1], 0) for i, m in enumerate(maps)], bits=8)
    fusion.double().eval()
    expected = torch.zeros(3, 14, dtype=torch.float64)
    for row in (slice(0, 3), slice(3, 6)):
        for column in (slice(0, 3), slice(3, 6)):
            x1, x2, x3 = (m[:, :, row, column].mean((2, 3)) for m in maps)
            if share == "none":
                (i1, i2), (j1, j2) = fusion.up.steps, fusion.down.steps
                there, back = slow(i2, slow(i1, x1, x2), x3), slow(j2, slow(j1, x3, x2), x1)
            else:
                p1, p2, p3 = (layer(x) for layer, x in zip(fusion.inputs, (x1, x2, x3), strict=True))
                there, back = fusion.between(p1 * p2) * p3, fusion.between(p3 * p2) * p1
            expected += torch.cat([there, back], 1) / 4
    pool = Pyramid(bins=[2])
    torch.testing.assert_close(fusion([pool(Level(m)) for m in maps]).features, expected)


def test_places_that_a_level_cannot_have_are_refused():
    with pytest.raises(SettingsError, match="positions=0 must be at least 1"):
        BBI(positions=0)
    with pytest.raises(SettingsError, match="level 'stage4' has 10 values, which cannot be 4 positions of each"):
        BBI(positions=4).setup([LevelInfo("stage3", 8, 0), LevelInfo("stage4", 10, 0)], bits=8)


def test_hsidhn_runs_with_spatial_pooling_and_its_level_heads():
    sets = ["towers.image.backbone.weights=none", "towers.image.backbone.size=64", "bits=16"]
    for modality, places in (("image", 4), ("text", 2)):
        tower = f"towers.{modality}"
        sets += [f"{tower}.pooling.bins=[2]", f"{tower}.width=0", f"{tower}.fusion.positions={places}"]
    settings = resolve("hsidhn", sets=sets, frozen_by_default=True).settings
    model = build_model(settings, {"image": 3, "text": 50}).eval()
    pictures = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    for output in model({"image": pictures, "text": torch.ones(2, 50)}).values():
        assert output.u.shape == (2, 16)
        assert len(output.per_level) == 3
