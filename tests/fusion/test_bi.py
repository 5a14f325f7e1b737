import pytest
import torch

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.fusion._interaction import interact
from crossmodal_hash.fusion.bi import BI
from crossmodal_hash.types import LevelInfo


def test_three_levels_follow_equation_10():
    fusion = BI(rank=4, norm="none")
    fusion.setup([LevelInfo(f"level{i}", i + 2, 0) for i in range(3)], bits=8)
    xs = [torch.randn(5, i + 2) for i in range(3)]
    expected = []
    for layer, (i, j) in zip(fusion.interactions, [(0, 1), (0, 2), (1, 2)], strict=True):
        expected.append(interact(xs[i], xs[j], layer.u.weight, layer.v.weight, layer.u.bias, layer.v.bias))
    torch.testing.assert_close(fusion(xs).features, torch.cat(expected, 1))


@pytest.mark.parametrize(("count", "pairs"), [(1, 1), (2, 1), (3, 3), (4, 6)])
def test_the_width_grows_with_the_pairs(count, pairs):
    fusion = BI(rank=4)
    fusion.setup([LevelInfo(f"level{i}", 3, 0) for i in range(count)], bits=8)
    assert fusion.out_features == 4 * pairs


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"norm": "layer"}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        BI(**wrong)
