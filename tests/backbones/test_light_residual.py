import pytest
import torch
from torch.nn import functional as nnf

from crossmodal_hash.backbones.light_residual import LightResidual, convolve
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


@pytest.mark.parametrize("places", [1, 2, 5])
@pytest.mark.parametrize(("taps", "padding"), [(1, 0), (2, 1), (3, 1)])
def test_a_convolution_as_one_product_is_pytorchs(places, taps, padding):
    x, weight = torch.randn(3, places, 4, dtype=torch.float64), torch.randn(6, 4, taps, dtype=torch.float64)
    expected = nnf.conv1d(x.transpose(1, 2), weight, padding=padding).transpose(1, 2)
    torch.testing.assert_close(convolve(x, weight, padding), expected)


def as_modules(part):
    """What a part's modules are, called one after the other."""
    return lambda picture: part[1](part[0](picture))


@pytest.mark.parametrize("stem", ["linear", "conv"])
@pytest.mark.parametrize("sizes", [(1, 5, 10, 15, 30, 50), (1, 5, 10, 15, 30), (2, 3), (1,)])
@pytest.mark.parametrize("affine", [False, True])
def test_levels_and_gradients_are_those_of_convolutions_on_a_picture(stem, sizes, affine):
    torch.manual_seed(0)
    backbone = LightResidual(pool_sizes=sizes, stem=stem, affine=affine)
    backbone.setup(70)
    backbone.double()
    x = (torch.rand(6, 70) < 0.3).double()

    # In double precision, which `compute` does not keep.
    picture = backbone.scales.rows(x).transpose(1, 2)[:, None]
    expected = []
    for i, block in enumerate(backbone.blocks):
        reduce = as_modules(block.reduce)
        if stem == "linear" and i == 0:
            picture = reduce(picture).relu()
        else:
            smooth = as_modules(block.smooth)(picture).relu()
            picture = (reduce(smooth) + as_modules(block.skip)(picture)).relu()
        expected.append(picture[:, :, 0])
    stem_itself, *blocks = backbone.blocks
    found = [stem_itself(x, backbone.scales)]
    for block in blocks:
        found.append(block(found[-1]))
    found = [y.transpose(1, 2) for y in found]
    for level, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(level, wanted)
    weights = list(backbone.parameters())
    slopes = torch.autograd.grad(sum(y.square().sum() for y in found), weights)
    wanted = torch.autograd.grad(sum(y.square().sum() for y in expected), weights)
    for a, b in zip(slopes, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_names_of_weights_are_those_of_convolutions_and_batch_norms():
    backbone = LightResidual(pool_sizes=(1, 5), stem="conv")
    backbone.setup(20)
    shapes = {name: tuple(x.shape) for name, x in backbone.state_dict().items() if name.endswith("0.weight")}
    assert shapes["blocks.0.smooth.0.weight"] == (1, 1, 1, 3)
    assert shapes["blocks.0.skip.0.weight"] == (64, 1, 20, 1)
    assert shapes["blocks.1.reduce.0.weight"] == (128, 64, 1, 2)
    assert not any(name.startswith(("scales", "readers")) for name in backbone.state_dict())


def test_a_level_may_be_read_by_a_convolution_over_all_scales_that_are_left():
    torch.manual_seed(0)
    plain, reading = LightResidual(pool_sizes=(1, 5, 10)), LightResidual(pool_sizes=(1, 5, 10), level_width=7)
    for backbone in (plain, reading):
        backbone.setup(30)
    reading.load_state_dict(plain.state_dict(), strict=False)
    x = torch.rand(2, 30)
    with torch.no_grad():
        for level, read, layer in zip(plain.eval()(x), reading.eval()(x), reading.readers, strict=True):
            # The weights of a position lie apart by the number of channels.
            kernel = layer.weight.view(7, level.x.shape[2], level.x.shape[1]).transpose(1, 2)
            expected = nnf.conv1d(level.x, kernel, layer.bias)[:, :, 0].relu()
            torch.testing.assert_close(read.x, expected)


def test_a_level_of_less_than_no_width_is_refused():
    with pytest.raises(SettingsError, match="level_width=-1 must be at least 0"):
        LightResidual(level_width=-1)
