"""A training stopped anywhere goes on to the same weights, bit for bit on a CPU."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interrupting import interrupt_at

from crossmodal_hash.cli.main import main

pytestmark = pytest.mark.slow

EPOCHS = 6
NAMES = ("image", "text", "label")


def arguments(tiny, small, out, memory, recipe="default"):
    options = ["--recipe", recipe, "--epochs", str(EPOCHS), "--bits", "16", "--out", str(out)]
    sets = [f"train.memory={memory}", "train.checkpoint_every=0", "train.mirror=true", "train.rotate=true"]
    return ["train", "--data", str(tiny), *options, *small, *(x for value in sets for x in ("--set", value))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("memory", ["batch", "full"])
def test_killed_and_resumed_equals_never_interrupted(folder, tiny, small, memory):
    assert main([*arguments(tiny, small, "whole", memory), "-q"]) == 0
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "crossmodal_hash", *arguments(tiny, small, "killed", memory)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    metrics = Path("killed/metrics.jsonl")
    deadline = time.monotonic() + 600
    while not (metrics.exists() and '"epoch": 2' in metrics.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not Path("killed/weights.safetensors").exists()
    assert main(["train", "--resume", "killed", "-q"]) == 0
    whole, killed = (Path(name, "weights.safetensors").read_bytes() for name in ("whole", "killed"))
    assert whole == killed

    def values(name):
        rows = map(json.loads, Path(name, "metrics.jsonl").read_text().splitlines())
        return [
            (row["epoch"], row["metric"], row["value"]) for row in rows if row["metric"] not in ("seconds", "memory/GB")
        ]

    assert values("whole") == values("killed")


@pytest.mark.parametrize("memory", ["batch", "full"])
@pytest.mark.parametrize("steps", [1, 4, 7])
def test_interrupted_in_the_middle_of_an_epoch_and_resumed(folder, tiny, small, memory, steps, capsys):
    assert main([*arguments(tiny, small, "whole", memory), "-q"]) == 0
    with interrupt_at(steps):
        assert main(arguments(tiny, small, "stopped", memory)) == 130
    assert "chash train --resume stopped" in capsys.readouterr().err
    assert main(["train", "--resume", "stopped", "-q"]) == 0
    assert Path("whole/weights.safetensors").read_bytes() == Path("stopped/weights.safetensors").read_bytes()


@pytest.mark.parametrize(("memory", "share"), [("batch", 0.3), ("batch", 0.9), ("full", 0.5), ("full", 0.8)])
def test_either_pass_of_a_refit_goes_on(folder, tiny, small, memory, share):
    refit = ["--set", "train.refit=true"]
    with interrupt_at(None) as done:
        assert main([*arguments(tiny, small, "whole", memory), *refit, "-q"]) == 0
    with interrupt_at(int(len(done) * share)):
        assert main([*arguments(tiny, small, "stopped", memory), *refit]) == 130
    assert main(["train", "--resume", "stopped", "-q"]) == 0
    whole, stopped = (Path(name, "weights.safetensors").read_bytes() for name in ("whole", "stopped"))
    assert whole == stopped
    epochs = [
        [(row["epoch"], row["split"]) for row in rows if row["metric"] == "seconds"]
        for rows in (
            [json.loads(x) for x in Path(name, "metrics.jsonl").read_text().splitlines()]
            for name in ("whole", "stopped")
        )
    ]
    assert epochs[0] == epochs[1]
    assert {split for _, split in epochs[0]} == {"train", "refit"}


@pytest.mark.parametrize(("memory", "steps"), [("batch", 4), ("full", 7)])
def test_a_training_by_pairs_goes_on_with_the_same_groups(folder, tiny, small, memory, steps):
    argv = arguments(tiny, small, "whole", memory, "pairs")
    assert main([*argv, "-q"]) == 0
    with interrupt_at(steps):
        assert main(arguments(tiny, small, "stopped", memory, "pairs")) == 130
    assert main(["train", "--resume", "stopped", "-q"]) == 0
    assert Path("whole/weights.safetensors").read_bytes() == Path("stopped/weights.safetensors").read_bytes()


@pytest.mark.parametrize(("memory", "steps"), [("batch", 4), ("batch", 9), ("full", 8)])
def test_guides_and_opponents_go_on_as_well(folder, tiny, small, memory, steps, capsys):
    guided = ["towers.label.backbone.hidden=[16]", *(f"towers.{m}.width=16" for m in NAMES)]
    guided += ["train.guide_epochs=2"] if memory == "batch" else []
    extra = [x for value in guided for x in ("--set", value)]
    assert main([*arguments(tiny, small, "whole", memory, "ssah"), *extra, "-q"]) == 0
    with interrupt_at(steps):
        assert main([*arguments(tiny, small, "stopped", memory, "ssah"), *extra]) == 130
    assert main(["train", "--resume", "stopped", "-q"]) == 0
    assert Path("whole/weights.safetensors").read_bytes() == Path("stopped/weights.safetensors").read_bytes()
    assert main(["encode", "whole"]) == 0
    assert sorted(path.name for path in Path("whole/codes").iterdir()) == ["image.safetensors", "text.safetensors"]


def test_a_finished_run_has_nothing_to_resume(folder, tiny, small, capsys):
    assert main([*arguments(tiny, small, "run", "batch"), "-q"]) == 0
    assert main(["train", "--resume", "run"]) == 2
    assert "nothing to resume" in capsys.readouterr().err


def test_a_corrupt_checkpoint_is_one_sentence(folder, tiny, small, capsys):
    assert main([*arguments(tiny, small, "run", "batch"), "-q"]) == 0
    Path("run/weights.safetensors").unlink()
    state = Path("run/checkpoint/state.safetensors")
    state.write_bytes(state.read_bytes()[:1000])
    capsys.readouterr()
    assert main(["train", "--resume", "run"]) == 2
    err = capsys.readouterr().err
    assert "corrupt" in err
    assert "Traceback" not in err


def test_other_data_than_it_was_started_on_are_refused(folder, tiny, small, capsys):
    import shutil
    import zipfile

    assert main([*arguments(tiny, small, "run", "batch"), "-q"]) == 0
    Path("run/weights.safetensors").unlink()
    shutil.copy(tiny, "other.zip")
    with zipfile.ZipFile("other.zip") as archive:
        archive.extractall("other")
    lines = Path("other/metadata.jsonl").read_text().splitlines()
    Path("other/metadata.jsonl").write_text("\n".join(lines[:-1]))
    capsys.readouterr()
    assert main(["train", "--resume", "run", "--data", "other"]) == 2
    assert "trained on 48 items" in capsys.readouterr().err


def test_two_trainings_cannot_share_a_folder(folder, tiny, small, capsys):
    from crossmodal_hash.runs.folder import Run

    assert main([*arguments(tiny, small, "run", "batch"), "-q"]) == 0
    Path("run/weights.safetensors").unlink()
    capsys.readouterr()
    with Run(Path("run")).lock():
        assert main(["train", "--resume", "run"]) == 2
    assert "in use" in capsys.readouterr().err
