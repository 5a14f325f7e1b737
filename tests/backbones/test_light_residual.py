import pytest
import torch

from crossmodal_hash.backbones.light_residual import LightResidual
from crossmodal_hash.backbones.multi_scale import multi_scale
from crossmodal_hash.errors import SettingsError


@pytest.mark.parametrize("stem", ["linear", "conv"])
@pytest.mark.parametrize(
    ("sizes", "lengths"),
    [((1, 5, 10, 15, 30, 50), (6, 4, 2, 1)), ((1, 5, 10, 15, 30), (5, 3, 1, 1)), ((1, 5), (2, 1, 1, 1))],
)
def test_scales_are_reduced_by_two_to_one_at_the_end(stem, sizes, lengths):
    with torch.device("meta"):
        backbone = LightResidual(pool_sizes=sizes, stem=stem)
        backbone.setup(60)
        levels = backbone(torch.zeros(2, 60))
    assert tuple(level.x.shape[2] for level in levels) == lengths


def test_the_linear_stem_is_one_linear_map_for_all_scales():
    backbone = LightResidual(pool_sizes=(1, 3))
    backbone.setup(10)
    backbone.eval()
    x = torch.rand(2, 10)
    with torch.no_grad():
        first = backbone(x)[0].x
        weight = backbone.blocks[0].reduce[0].weight[:, 0, :, 0]
        for b in range(2):
            for s in range(2):
                expected = (weight @ multi_scale(x, (1, 3))[b, s] / (1 + 1e-5) ** 0.5).clamp(min=0)
                torch.testing.assert_close(first[b, :, s], expected)


def test_an_unknown_stem_is_refused():
    with pytest.raises(SettingsError, match="stem='mlp' is not one of linear, conv"):
        LightResidual(stem="mlp")
