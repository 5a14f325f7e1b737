"""Runs that are missing, not whole, or not one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load


@pytest.mark.parametrize("command", [["encode"], ["evaluate"]])
def test_without_any_run_the_way_to_one_is_told(refused, command):
    refused(command, "no run under runs/", "chash train")


@pytest.mark.parametrize("command", [["encode"], ["evaluate"], ["train", "--resume"]])
def test_a_run_that_does_not_exist_or_is_none_is_refused(refused, command):
    refused([*command, "gone"], "gone does not exist", "chash train")
    Path("other").mkdir()
    refused([*command, "other"], "other is not a run folder", "chash train")
    for content in ('{"model_type": "bert"}', "[1]"):
        Path("other/config.json").write_text(content)
        refused([*command, "other"], "other is not a run folder")
    Path("other/config.json").write_text("{")
    refused([*command, "other"], "config.json", "cannot be read")


def test_a_folder_that_is_no_run_has_no_settings_to_show(refused):
    Path("other").mkdir()
    Path("other/config.json").write_text('{"model_type": "bert"}')
    refused(["config", "show", "other"], "other is not a run folder")


@pytest.mark.parametrize("name", ["model.json", "environment.json", "vocabulary.json", "split.json", "config.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", None])
def test_a_run_with_a_damaged_part_is_refused(refused, run, name, content):
    if content is None:
        (run / name).unlink()
    else:
        (run / name).write_bytes(content)
    said = refused(["encode", run, "-q"])
    assert name in said or "vocabulary" in said


@pytest.mark.parametrize("size", [0, 4, 1000, -1])
def test_truncated_weights_are_refused(refused, run, size):
    weights = run / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    refused(["encode", run, "-q"], weights, "restore")


def test_weights_of_another_model_are_refused(refused, run):
    from safetensors.numpy import save_file

    save_file({"foo": np.zeros(1)}, run / "weights.safetensors")
    refused(["encode", run, "-q"], run / "weights.safetensors", "foo")


def test_an_unfinished_run_is_not_encoded_and_can_be_resumed(refused, run):
    (run / "weights.safetensors").unlink()
    refused(["encode", run, "-q"], "not finished", "chash train --resume run")
    refused(["evaluate", run, "-q"], "no codes yet", "chash encode run")


def test_a_finished_run_without_codes_says_how_to_get_them(refused, run):
    refused(["evaluate", run, "-q"], "no codes yet", "chash encode run")


@pytest.mark.parametrize("content", [b"", b"{}", bytes(1000)])
def test_a_corrupt_checkpoint_is_refused(refused, run, content):
    (run / "weights.safetensors").unlink()
    (run / "checkpoint").mkdir(exist_ok=True)
    (run / "checkpoint" / "state.safetensors").write_bytes(content)
    refused(["train", "--resume", run, "-q"], "state.safetensors", "corrupt", "again", leaves=["run"])


def test_a_run_that_another_process_trains_is_left_alone(refused, run):
    (run / "weights.safetensors").unlink()
    holder = "import filelock, sys; l = filelock.FileLock(sys.argv[1]); l.acquire(); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(run / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        refused(["train", "--resume", run, "-q"], "run is in use", "wait")
        process.communicate(b"\n")


def test_a_damaged_feature_cache_is_made_again(tiny, run, cache):
    argv = ["encode", str(run), "--data", str(tiny), "-q"]
    assert main([*argv, "--out", "before"]) == 0
    for content in (b"", b"garbage", None):
        for shard in (cache / "features").rglob("*.safetensors"):
            shard.write_bytes(shard.read_bytes()[:-1] if content is None else content)
        assert main([*argv, "--out", "after"]) == 0
        before, after = (load(Path(name, "image.safetensors")) for name in ("before", "after"))
        assert (before.packed == after.packed).all()
