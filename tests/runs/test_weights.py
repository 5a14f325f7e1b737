"""Weights in two files: what was learned, and frozen backbones, which are on disk once however many runs have them."""

import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from crossmodal_hash.cache import cache_folder
from crossmodal_hash.errors import RunError
from crossmodal_hash.factory import build_model
from crossmodal_hash.runs.weights import FROZEN, load_weights, save_weights
from crossmodal_hash.settings.resolve import resolve


def model(seed=0, bits=4, frozen=True):
    torch.manual_seed(seed)
    sets = [f"bits={bits}", "towers.image.backbone.weights=none", "towers.image.width=4"]
    return build_model(resolve("labels", sets=sets, frozen_by_default=frozen).settings, {"image": 3, "text": 5})


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CHASH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


def kept(cache):
    (file,) = cache.iterdir()
    return file


def test_saved_and_loaded_weights_give_the_same_model(tmp_path, cache):
    first, path = model(), tmp_path / "weights.safetensors"
    save_weights(path, first)
    second = model(seed=1)
    assert first.fingerprint() != second.fingerprint()
    load_weights(path, second)
    assert first.fingerprint() == second.fingerprint()
    assert set(load_file(path)) == set(first.learned_state())
    assert all(".backbone." in name for name in load_file(path.with_name(FROZEN)))


def test_runs_share_the_file_of_the_backbone_and_outlive_the_cache(tmp_path, cache):
    first, path = model(), tmp_path / "a" / "weights.safetensors"
    save_weights(path, first)
    other = model()
    torch.nn.init.zeros_(other.tower("text").to_bits.weight)
    save_weights(tmp_path / "b" / "weights.safetensors", other)
    assert kept(cache).samefile(tmp_path / "a" / FROZEN)
    assert kept(cache).samefile(tmp_path / "b" / FROZEN)
    shutil.rmtree(cache)
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    second = model(seed=1)
    load_weights(tmp_path / "copy" / "weights.safetensors", second)
    assert first.fingerprint() == second.fingerprint()


def test_a_damaged_file_in_the_cache_is_replaced_and_not_linked(tmp_path, cache):
    path, good = tmp_path / "a" / "weights.safetensors", model()
    save_weights(path, good)
    whole = kept(cache).read_bytes()
    (tmp_path / "broken").write_bytes(whole[:-1])
    (tmp_path / "broken").replace(kept(cache))
    save_weights(tmp_path / "b" / "weights.safetensors", good)
    assert (tmp_path / "b" / FROZEN).read_bytes() == whole == kept(cache).read_bytes()


@pytest.mark.parametrize("fault", ["no links", "no cache"])
def test_where_files_cannot_be_shared_each_run_has_its_own(tmp_path, cache, monkeypatch, fault):
    def fails(*_):
        raise OSError(18, "Invalid cross-device link")

    if fault == "no links":
        monkeypatch.setattr(os, "link", fails)
    else:
        cache.parent.write_text("a file where the folder should be")
    first, path = model(), tmp_path / "run" / "weights.safetensors"
    save_weights(path, first)
    second = model(seed=1)
    load_weights(path, second)
    assert first.fingerprint() == second.fingerprint()
    assert sorted(x.name for x in path.parent.iterdir()) == [FROZEN, "weights.safetensors"]


def test_a_trained_backbone_has_no_second_file_and_weights_in_one_file_are_read(tmp_path, cache):
    path = tmp_path / "weights.safetensors"
    save_weights(path, model(frozen=False))
    assert not path.with_name(FROZEN).exists()
    first, second = model(), model(seed=1)
    save_file(first.own_state(), path)  # as version 0.2 did, frozen or not
    load_weights(path, second)
    assert first.fingerprint() == second.fingerprint()


def test_weights_of_another_model_half_a_file_or_a_missing_one_are_refused(tmp_path, cache):
    path = tmp_path / "weights.safetensors"
    save_weights(path, model(bits=8))
    with pytest.raises(RunError, match="does not fit"):
        load_weights(path, model())
    frozen = path.with_name(FROZEN)
    whole = frozen.read_bytes()
    frozen.unlink()
    with pytest.raises(RunError, match=f"{FROZEN} is missing; copy it from the folder"):
        load_weights(path, model(bits=8))
    frozen.write_bytes(whole[:100])
    with pytest.raises(RunError, match=f"{FROZEN} cannot be read"):
        load_weights(path, model(bits=8))
    frozen.write_bytes(whole)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match="cannot be read"):
        load_weights(path, model())
    with pytest.raises(RunError, match="not finished"):
        load_weights(tmp_path / "none" / "weights.safetensors", model())


def test_the_cache_of_the_tests_is_not_that_of_the_user():
    assert "pytest" in str(cache_folder())
