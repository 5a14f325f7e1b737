"""The installed plug-in with small networks of random weights; nothing is downloaded."""

from pathlib import Path

import pytest
import timm
import torch
from chash_timm import Timm

from crossmodal_hash.components import BACKBONES
from crossmodal_hash.errors import SettingsError, WeightsError
from crossmodal_hash.testing import assert_conforms


def test_the_name_before_the_colon_leads_to_the_class_and_the_one_behind_to_the_network() -> None:
    cls, params = BACKBONES.taking("timm:resnet10t", {"size": 64})
    assert cls is Timm
    assert params == {"model": "resnet10t", "size": 64}


@pytest.mark.parametrize("model", ["resnet10t", "mobilenetv3_small_050"])
def test_it_keeps_what_every_backbone_promises(model: str) -> None:
    assert_conforms("backbone", f"timm:{model}")


def test_the_levels_are_those_of_the_whole_network_whose_weights_are_loaded(tmp_path: Path) -> None:
    torch.manual_seed(1)
    whole = timm.create_model("resnet10t", pretrained=False).eval()
    torch.save(whole.state_dict(), tmp_path / "mine.pth")
    backbone = Timm(model="resnet10t", weights=str(tmp_path / "mine.pth"), size=64).eval()
    x = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    pixels = (x / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        3, 1, 1
    )
    with torch.no_grad():
        torch.testing.assert_close(backbone(x)[-1].x, whole.forward_features(pixels), rtol=1e-3, atol=1e-4)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"does not fit resnet10t: it lacks bn1\.bias and"):
        Timm(model="resnet10t", weights=str(tmp_path / "other.pth"))


def test_what_timm_does_not_have_is_told() -> None:
    with pytest.raises(SettingsError, match="did you mean 'resnet18'"):
        Timm(model="resnet1o8")
    with pytest.raises(WeightsError, match=r"no weights at 'gone\.pth'"):
        Timm(weights="gone.pth")
    with pytest.raises(SettingsError, match="size=16"):
        Timm(size=16)
