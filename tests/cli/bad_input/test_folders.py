"""Folders that are taken, or cannot be written to."""

import errno
import json
import os
import subprocess
from pathlib import Path

import pytest
from bad_input import QUICK

from crossmodal_hash.cli.main import main


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: None, ["run", "a finished run", "another"]),
        (lambda: Path("run/weights.safetensors").unlink(), ["an unfinished run", "--resume run"]),
        (lambda: Path("run/config.json").unlink(), ["something else", "another"]),
    ],
    ids=["finished", "unfinished", "other files"],
)
def test_a_folder_in_use_is_left_alone(refused, tiny, run, make, words):
    make()
    refused(["train", "--data", tiny, "--out", run, "-q", *QUICK], *words)


@pytest.mark.parametrize("out", ["file", "file/run", "file/deep/run"])
def test_a_file_in_place_of_the_run_folder_is_left_alone(refused, tiny, out, run):
    Path("file").write_text("mine")
    refused(["train", "--data", tiny, "--out", out, "-q", *QUICK], "file", "choose another")
    refused(["encode", run, "--data", tiny, "--out", out, "-q"], "file", "choose another")


def test_a_file_in_place_of_the_runs_is_left_alone(refused, tiny):
    Path("runs").write_text("mine")
    refused(["train", "--data", tiny, "-q", *QUICK], "runs", "--out")


def test_a_file_in_place_of_the_cache_is_named(refused, tiny, monkeypatch):
    Path("file").write_text("mine")
    monkeypatch.setenv("CHASH_CACHE", "file")
    refused(["train", "--data", tiny, "-q", *QUICK], "file", "CHASH_CACHE")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *((name, errno.ENOSPC) for name in ("vocabulary", "split", "config")),
        *(("model", code) for code in (errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)),
    ],
)
def test_a_disk_that_refuses_before_training_leaves_no_run(refused, tiny, monkeypatch, name, code):
    fails_to_write(monkeypatch, name, code)
    said = refused(["train", "--data", tiny, "-q", *QUICK], name, leaves=["runs"])
    assert "disk" in said or "permission" in said
    assert not list(Path().glob("runs/*"))


def test_a_disk_that_fills_up_with_features_leaves_none(refused, tiny, monkeypatch, cache):
    fails_to_write(monkeypatch, "00000000", errno.ENOSPC)
    refused(["train", "--data", tiny, "-q", *QUICK], cache, "no space left", "CHASH_CACHE")
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["state", "weights"])
def test_a_disk_that_fills_up_in_training_says_how_to_go_on(refused, tiny, monkeypatch, name):
    sets = ["train.checkpoint_every=0", "train.validate_every=1"]
    options = ["--out", "run", "--epochs", "3", *(x for value in sets for x in ("--set", value)), "-q"]
    with monkeypatch.context() as patch:
        fails_to_write(patch, name, errno.ENOSPC)
        argv = ["train", "--data", tiny, *options, *QUICK]
        refused(argv, "no space left", name, "chash train --resume run", leaves=["run"])
    assert not list(Path("run").rglob("*.tmp")) + list(Path("run").rglob(".s*")) + list(Path("run").rglob(".w*"))
    assert main(["train", "--resume", "run", "-q"]) == 0
    epochs = [json.loads(line)["epoch"] for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert epochs == sorted(epochs)
    assert epochs.count(1) == epochs.count(2) == epochs.count(3)


def test_a_disk_that_fills_up_in_encoding_leaves_no_half_file(refused, tiny, run, monkeypatch):
    assert main(["encode", str(run), "-q"]) == 0
    monkeypatch.setattr("safetensors.numpy.save", full_disk)
    refused(["encode", run, "-q"], "image.safetensors", "No space left", "choose another folder")


def test_a_disk_that_is_really_full_leaves_nothing(refused, tiny, tmp_path):
    disk = tmp_path / "here" / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (disk / "filler").write_bytes(bytes(248 << 10))
        refused(["train", "--data", tiny, "--out", "disk/run", "-q", *QUICK], "no space left", "disk/run")
        (disk / "filler").unlink()
        refused(["train", "--data", tiny, "--out", "disk/run", "-q", *QUICK], "--resume disk/run", leaves=["disk"])
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_read_only_folder_is_named(refused, tiny, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    Path("closed").mkdir(mode=0o500)
    refused(["train", "--data", tiny, "--out", "closed/run", "-q", *QUICK], "closed/run", "Permission denied")


def full_disk(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fails_to_write(monkeypatch, name, code):
    """Let writing the file called `name` end like on a bad disk, after half of it."""
    real = Path.write_bytes

    def write(self, data):
        if name in self.name:
            real(self, data[: len(data) // 2])
            raise OSError(code, os.strerror(code))
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", write)
