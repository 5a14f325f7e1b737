"""Run folders that version 0.1.0 made open, encode, score and go on; `v0_1/README.md` says how they were made."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import crossmodal_hash as ch
from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load
from crossmodal_hash.data import Dataset, Matrix, Texts
from crossmodal_hash.evaluation import score

OLD = Path(__file__).parent / "v0_1"
RUNS = ("vectors", "words", "closed-form")
VECTORS = OLD / "vectors.npz"


def data_of(name):
    vectors = ch.load_data(VECTORS)
    if name != "words":
        return vectors
    texts = Texts(tuple(json.loads((OLD / "words.json").read_text())))
    modalities = {"image": Matrix(np.load(VECTORS)["image"]), "text": texts}
    return Dataset("words", vectors.ids, modalities, vectors.labels, ("a", "b", "c"))


@pytest.fixture
def run(request, tmp_path):
    """A copy of an old run: what is in the repository is not written to."""
    shutil.copytree(OLD / request.param, tmp_path / "run")
    return ch.open_run(tmp_path / "run")


@pytest.mark.parametrize("run", RUNS, indirect=True)
def test_an_old_run_encodes_to_its_old_codes_and_scores(run, request):
    name = request.node.callspec.params["run"]
    codes = run.encode(data_of(name))
    for modality, found in codes.items():
        old = load(OLD / name / "codes" / f"{modality}.safetensors")
        # Another processor rounds differently, and a value near 0 may fall on its other side.
        assert np.bitwise_count(found.packed ^ old.packed).mean() <= 8 / 1000
        assert (found.bits, found.modality, found.label_names) == (old.bits, old.modality, old.label_names)
        assert found.ids.tolist() == old.ids.tolist()
        assert {part: rows.tolist() for part, rows in found.parts.items()} == {
            part: rows.tolist() for part, rows in old.parts.items()
        }
    expected = json.loads((OLD / "scores.json").read_text())[name]
    found = {f"{part.direction}/{part.database}": part.result.values["map@all"] for part in score(codes)}
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("run", RUNS, indirect=True)
def test_an_old_run_is_evaluated_and_reported_by_the_commands(run, tmp_path, capsys):
    assert main(["evaluate", str(run.path), "--json"]) == 0
    capsys.readouterr()
    assert main(["report", str(run.path), "--out", str(tmp_path / "report.html"), "-q"]) == 0
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("run", ["interrupted"], indirect=True)
def test_an_interrupted_old_run_goes_on_to_where_it_would_have_ended(run):
    assert main(["train", "--resume", str(run.path), "--data", str(VECTORS), "-q"]) == 0
    now, then = load_file(run.weights), load_file(OLD / "resumed" / "weights.safetensors")
    assert now.keys() == then.keys()
    for name, tensor in then.items():
        torch.testing.assert_close(now[name], tensor, rtol=1e-3, atol=1e-4, msg=name)
    assert run.is_finished()
