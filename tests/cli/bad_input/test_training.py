"""What goes wrong in training: losses, memory, plug-ins."""

import sys
from pathlib import Path

import pytest
import torch
from bad_input import QUICK


@pytest.mark.parametrize("memory", ["batch", "full"])
def test_a_loss_that_is_no_number_names_its_term_and_keeps_what_was_saved(refused, tiny, memory):
    options = ["--set", "train.lr=1e30", "--set", f"train.memory={memory}", "--epochs", "3", "--out", "run", "-q"]
    argv = ["train", "--data", tiny, *QUICK, *options]
    refused(argv, "train.lr", "train.clip", "another")
    assert not Path("run").exists()  # nothing was saved
    argv += ["--set", "train.checkpoint_every=0"]
    said = refused(argv, "train.lr", "train.clip", "another", leaves=["run"])
    assert any(f"term '{name}'" in said for name in ("hard", "soft", "quantization"))
    assert not Path("run/weights.safetensors").exists()
    refused(["encode", "run", "-q"], "not finished")
    refused(["train", "--resume", "run", "-q"], "train.lr", "another", leaves=["run"])


def test_a_gpu_without_memory_says_what_to_lower(refused, tiny, monkeypatch):
    def out_of_memory(*args, **kwargs):
        raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB")

    monkeypatch.setattr("crossmodal_hash.training.gradient.train_step", out_of_memory)
    argv = ["train", "--data", tiny, "--out", "run", "-q", *QUICK]
    refused(argv, "no memory left", "train.batch=8", "smaller")


# Plug-ins.


def test_a_broken_plug_in_is_exit_code_3(refused, folder, monkeypatch):
    info = Path("broken-1.0.dist-info")
    info.mkdir()
    Path(info, "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    Path(info, "entry_points.txt").write_text("[crossmodal_hash.fusions]\nshaky = broken_fusion:Shaky\n")
    Path("broken_fusion.py").write_text("raise ZeroDivisionError('no')\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("CHASH_PLUGINS", "broken")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    refused(["train", "--fusion", "shaky"], "'shaky'", "broken 1.0", "ZeroDivisionError", code=3)
    refused(["info", "fusion", "shaky"], "'shaky'", "broken 1.0", "ZeroDivisionError", code=3)
