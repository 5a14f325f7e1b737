import pytest
import torch
from torch import nn

from crossmodal_hash.backbones.bow_resnet import BowResNet
from crossmodal_hash.errors import SettingsError


@pytest.mark.parametrize(("words", "lengths"), [(1386, (347, 174, 87, 44)), (1000, (250, 125, 63, 32))])
def test_the_papers_vocabularies_give_the_lengths_worked_out_by_hand(words, lengths):
    with torch.device("meta"):
        backbone = BowResNet()
        backbone.setup(words)
        levels = backbone(torch.zeros(2, words))
    assert [tuple(level.x.shape) for level in levels] == [
        (2, width, length) for width, length in zip((64, 128, 256, 512), lengths, strict=True)
    ]


def test_a_level_is_the_mean_over_the_rows_left_of_the_map():
    backbone = BowResNet(depth=18).eval()
    backbone.setup(90)
    maps = {}
    for i in (1, 4):
        backbone.network.get_submodule(f"layer{i}").register_forward_hook(
            lambda _module, _inputs, output, i=i: maps.update({i: output})
        )
    with torch.no_grad():
        levels = backbone(torch.ones(1, 90))
    assert maps[1].shape[2:] == (2, 23)
    torch.testing.assert_close(levels[0].x, (maps[1][:, :, 0] + maps[1][:, :, 1]) / 2)
    torch.testing.assert_close(levels[3].x, maps[4][:, :, 0])


def test_convolutions_start_at_the_deviation_asked_for():
    backbone = BowResNet(depth=18, init_std=0.1)
    deviations = [m.weight.std().item() for m in backbone.modules() if isinstance(m, nn.Conv2d)]
    assert all(abs(deviation - 0.1) < 0.01 for deviation in deviations)


@pytest.mark.parametrize("wrong", [{"depth": 20}, {"init_std": 0.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        BowResNet(**wrong)
