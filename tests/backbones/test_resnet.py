from pathlib import Path

import pytest
import torch
from torchvision import models

from crossmodal_hash.backbones.resnet import ResNet18, ResNet34, ResNet50
from crossmodal_hash.errors import SettingsError, WeightsError


@pytest.fixture(scope="module")
def backbone():
    return ResNet18(weights="none", size=64).eval()


def test_the_last_level_averages_to_what_torchvision_feeds_its_classifier(backbone):
    reference = models.resnet18(weights=None).eval()
    reference.load_state_dict(backbone.network.state_dict(), strict=False)
    reference.fc = torch.nn.Identity()
    x = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    normalized = models.ResNet18_Weights.IMAGENET1K_V1.transforms(crop_size=64, resize_size=64)(x)
    with torch.no_grad():
        torch.testing.assert_close(backbone(x)[-1].mean(), reference(normalized), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("cls", "widening"), [(ResNet18, 1), (ResNet34, 1), (ResNet50, 4)])
def test_four_stages_are_declared_and_produced_at_every_depth(cls, widening):
    with torch.device("meta"):
        levels = cls(size=224)(torch.zeros(2, 3, 224, 224, dtype=torch.uint8))
    sides = [(64, 56), (128, 28), (256, 14), (512, 7)]
    assert [tuple(level.x.shape) for level in levels] == [(2, width * widening, side, side) for width, side in sides]


def test_torchvisions_file_is_read_from_its_cache_and_its_classifier_left_out(tmp_path, monkeypatch, backbone):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    folder.mkdir(parents=True)
    state = {**backbone.network.state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    old = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(old, folder / "resnet18-f37072fd.pth")
    again = ResNet18()
    assert torch.equal(again.network.conv1.weight, backbone.network.conv1.weight)
    assert again.config() == {"weights": "imagenet", "size": 224}


def test_weights_that_are_not_cached_are_never_downloaded_but_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *a, **k: pytest.fail("a download was tried"))
    with pytest.raises(WeightsError) as error:
        ResNet34()
    for way_out in ("https://", "--weights resnet34-b627a593.pth", "--weights none", "--backbone efficientnet-lite0"):
        assert way_out in str(error.value)


def test_a_deeper_networks_weights_are_refused_although_they_contain_a_shallower_ones(tmp_path):
    path = tmp_path / "resnet34.pth"
    torch.save(ResNet34(weights="none").network.state_dict(), path)
    with pytest.raises(WeightsError, match=r"it has the unknown layer1\.2"):
        ResNet18(weights=str(path))


def test_pictures_that_are_too_small_are_refused():
    with pytest.raises(SettingsError, match="size=31"):
        ResNet18(weights="none", size=31)
