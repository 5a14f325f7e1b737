import pytest
import torch

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.fusion.attention_matrix import AttentionMatrix
from crossmodal_hash.types import LevelInfo

INFOS = [LevelInfo("low", 3, 0), LevelInfo("high", 5, 0)]


def fusion(**options):
    torch.manual_seed(0)
    made = AttentionMatrix(**options)
    made.setup(INFOS, bits=4)
    return made.eval()


LEVELS = [torch.randn(2, 3, generator=torch.Generator().manual_seed(i)) if i == 0 else torch.ones(2, 5) for i in (0, 1)]


def test_every_bit_is_the_weighted_sum_of_the_level_codes():
    made = fusion()
    features, per_level = made(LEVELS)
    for item in range(2):
        for bit in range(4):
            slow = sum(made.matrix[k, bit] * torch.tanh(per_level[k][item, bit]) for k in range(2))
            assert features[item, bit].item() == pytest.approx(slow.item(), rel=1e-5)


def test_at_its_mean_the_matrix_gives_the_average_level_code():
    made = fusion()
    torch.nn.init.constant_(made.matrix, 1 / 2)
    features, per_level = made(LEVELS)
    torch.testing.assert_close(features, torch.stack([x.tanh() for x in per_level]).mean(0))


def test_without_outer_tanh_the_level_codes_come_with_theirs():
    outside, inside = fusion(outer="none")(LEVELS), fusion()(LEVELS)
    assert torch.equal(outside.features, inside.features)
    for a, b in zip(outside.per_level, inside.per_level, strict=True):
        assert torch.equal(a, b.tanh())


def test_another_outer_is_refused():
    with pytest.raises(SettingsError, match="outer='relu'"):
        AttentionMatrix(outer="relu")
