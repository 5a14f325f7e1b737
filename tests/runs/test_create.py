"""Run folders: which are taken, which is the latest, and what one says about how it was made."""

import importlib.metadata
from pathlib import Path

import pytest
import torch
from vectors import vectors

from crossmodal_hash.errors import RunError
from crossmodal_hash.runs.create import environment, new_run, note_latest, refuse_taken
from crossmodal_hash.runs.folder import Run, open_run
from crossmodal_hash.settings.resolve import resolve


def test_the_environment_names_the_data_the_device_and_the_seed():
    data = vectors()
    found = environment(resolve("hsidhn", flags={"bits": 8}, sets=["seed=3"]), data, torch.device("cpu"))
    assert found["data"] == {"name": "vectors", "items": 160, "fingerprint": data.fingerprint()}
    assert (found["device"], found["gpu"], found["seed"], found["plugins"]) == ("cpu", None, 3, [])
    assert found["versions"]["torch"] == importlib.metadata.version("torch")


def test_a_folder_that_holds_anything_is_not_taken(tmp_path):
    refuse_taken(tmp_path / "none")
    refuse_taken(tmp_path)
    (tmp_path / "file").touch()
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(RunError, match="already holds something else; choose"):
            refuse_taken(taken)
    (tmp_path / "config.json").touch()
    with pytest.raises(RunError, match="already holds an unfinished run, which --resume"):
        refuse_taken(tmp_path)
    (tmp_path / "weights.safetensors").touch()
    with pytest.raises(RunError, match="already holds a finished run; choose"):
        refuse_taken(tmp_path)


def test_the_latest_run_is_the_last_one_under_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (Path("runs", "a"), Path("runs", "b"), Path("elsewhere")):
        path.mkdir(parents=True)
        (path / "config.json").write_text('{"settings": {}}')
        note_latest(Run(path))
    assert open_run(None).path == Path("runs", "b")
    (tmp_path / "runs" / "b" / "config.json").unlink()
    with pytest.raises(RunError, match=r"it has no config\.json"):
        open_run(None)


def test_a_second_run_of_the_day_gets_a_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = resolve("hsidhn", flags={"bits": 8}).settings
    first, second, third = (new_run(None, settings).path for _ in range(3))
    assert first.parent == Path("runs")
    assert (second.name, third.name) == (f"{first.name}-2", f"{first.name}-3")


@pytest.mark.parametrize(
    ("recipe", "sets", "name"),
    [
        ("hsidhn", [], "bbi-mmd-8"),
        ("hsidhn", ["terms.soft.weight=0"], "bbi-hard-8"),
        ("default", [], "concat-hard-8"),
        ("default", ["terms.hard.weight=0", "terms.labels.weight=0"], "concat-affinity-8"),
        ("default", ["terms.hard.weight=0", "terms.pairs.weight=0"], "concat-classify-8"),
        ("pairs", ["terms.pairs.criterion=pairs"], "concat-pairs-8"),
        ("scm", [], "scm-8"),
    ],
)
def test_a_folder_is_named_after_what_trains(tmp_path, monkeypatch, recipe, sets, name):
    monkeypatch.chdir(tmp_path)
    path = new_run(None, resolve(recipe, flags={"bits": 8}, sets=sets).settings).path
    assert path.name.split("-", 3)[3] == name
