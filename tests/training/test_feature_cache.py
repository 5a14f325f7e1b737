import numpy as np
import pytest
import torch

from crossmodal_hash.backbones.efficientnet_lite0 import EfficientNetLite0
from crossmodal_hash.opening.recognize import load_data
from crossmodal_hash.training import feature_cache
from crossmodal_hash.training.feature_cache import cache_key, cached_levels

CPU = torch.device("cpu")


@pytest.fixture
def pictures(tiny):
    return load_data(tiny).modalities["image"]


@pytest.fixture
def backbone(monkeypatch, tmp_path):
    monkeypatch.setenv("CHASH_CACHE", str(tmp_path))
    monkeypatch.setattr(feature_cache, "SHARD", 20)
    torch.manual_seed(0)
    return EfficientNetLite0(size=32).eval()


def test_cached_levels_are_those_of_the_backbone_in_half_precision(backbone, pictures):
    from crossmodal_hash.data import picture_batches

    levels = cached_levels(backbone, pictures, grid=2, device=CPU)
    pixels = next(picture_batches(pictures, [np.arange(48)], 32, workers=0))
    with torch.no_grad():
        direct = [level.condense(2) for level in backbone(pixels)]
    for cached, live in zip(levels, direct, strict=True):
        for (name, a), (_, b) in zip(cached.tensors(), live.tensors(), strict=True):
            assert a.dtype == torch.float16, name
            assert torch.allclose(a.float(), b, rtol=2e-3, atol=2e-3 * float(b.abs().max())), name


def test_the_second_time_nothing_is_computed(backbone, pictures, monkeypatch):
    first = cached_levels(backbone, pictures, grid=2, device=CPU)
    monkeypatch.setattr(feature_cache, "extract", None)
    second = cached_levels(backbone, pictures, grid=2, device=CPU)
    assert all(torch.equal(a.x, b.x) for a, b in zip(first, second, strict=True))


def test_an_interrupted_extraction_goes_on_where_it_stopped(backbone, pictures, monkeypatch):
    real, seen = feature_cache.extract, []

    def counting(fast, x, grid, device):
        if len(seen) == 4:
            raise KeyboardInterrupt
        seen.append(len(x))
        return real(fast, x, grid, device)

    monkeypatch.setattr(feature_cache, "extract", counting)
    with pytest.raises(KeyboardInterrupt):
        cached_levels(backbone, pictures, grid=2, device=CPU)
    assert sum(seen) >= 20
    again = []
    monkeypatch.setattr(feature_cache, "extract", lambda *a: again.append(len(a[1])) or real(*a))
    cached_levels(backbone, pictures, grid=2, device=CPU)
    assert sum(again) == 28


def test_mirrored_features_are_those_of_the_mirrored_picture(backbone, pictures):
    plain, mirrored = (cached_levels(backbone, pictures, grid=2, device=CPU, mirrored=m) for m in (False, True))
    assert not torch.equal(plain[0].x, mirrored[0].x)


def test_the_key_holds_all_that_the_features_depend_on(backbone, pictures):
    keys = {
        cache_key(pictures, backbone, 2, False),
        cache_key(pictures, backbone, 3, False),
        cache_key(pictures, backbone, 2, True),
        cache_key(pictures.take([0, 1]), backbone, 2, False),
        cache_key(pictures, EfficientNetLite0(size=64), 2, False),
        cache_key(pictures, EfficientNetLite0(weights="none", size=32), 2, False),
    }
    assert len(keys) == 6


def test_where_the_weights_were_read_from_does_not_matter(pictures, tmp_path):
    from safetensors.torch import save_file

    packaged = EfficientNetLite0(size=32)
    path = tmp_path / "weights.safetensors"
    save_file(packaged.state_dict(), path)
    copy = EfficientNetLite0(weights=str(path), size=32)
    assert cache_key(pictures, packaged, 2, False) == cache_key(pictures, copy, 2, False)
