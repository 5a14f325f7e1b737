"""One cell, really trained, in this process."""

import json
import math
import zipfile

import pytest
from interrupting import interrupt_at

from crossmodal_hash.bench import cell as cell_module
from crossmodal_hash.bench.cell import remove_half_made, run_cell
from crossmodal_hash.bench.done import read_done
from crossmodal_hash.bench.features import extract_features
from crossmodal_hash.bench.grid import Cell, GridData, GridMethod
from crossmodal_hash.bench.state import State, state
from crossmodal_hash.bench.table import Scores, long_table, score_table
from crossmodal_hash.callbacks import Callback
from crossmodal_hash.errors import DataError, UnknownComponentError
from crossmodal_hash.report.result import read_record
from crossmodal_hash.runs.folder import Run
from crossmodal_hash.runs.history import training_cost
from crossmodal_hash.training import feature_cache, gradient


@pytest.fixture
def cell(tiny, small):
    sets = (*small[1::2], "train.checkpoint_every=0")
    return Cell(GridMethod(name="mine", recipe="default", epochs=2), 16, 0, GridData(path=str(tiny)), sets)


def test_a_cell_leaves_a_run_with_codes_and_scores_of_both_databases(cell, tmp_path):
    record = run_cell(cell, tmp_path)
    folder = tmp_path / "tiny" / "mine-16-0"
    assert sorted(path.name for path in (folder / "codes").iterdir()) == ["image.safetensors", "text.safetensors"]
    kept = read_record(folder / "scores.json")
    assert list(kept.lines(None)) == list(record.lines(None))
    assert {(s.direction, s.database) for s in kept.scores} >= {("image->text", "all"), ("text->image", "unseen")}
    facts = json.loads((folder / "cell.json").read_text())
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert facts["seconds"] == pytest.approx(sum(row["value"] for row in rows if row["metric"] == "seconds"))
    assert facts["peak_gb"] >= max(row["value"] for row in rows if row["metric"] == "memory/GB") > 0
    assert not (folder / "checkpoint").exists()
    assert state(cell, tmp_path) == (State.DONE, "")


def test_an_interrupted_cell_goes_on_and_comes_to_the_same_codes(cell, tmp_path):
    run_cell(cell, tmp_path / "whole")
    with interrupt_at(3) as steps:
        with pytest.raises(KeyboardInterrupt):
            run_cell(cell, tmp_path / "stopped")
        assert state(cell, tmp_path / "stopped")[0] is State.UNFINISHED
        run_cell(cell, tmp_path / "stopped")
    weights = [Run(cell.folder(tmp_path / name)).weights.read_bytes() for name in ("whole", "stopped")]
    assert weights[0] == weights[1]
    # Two epochs of two whole batches; none is done twice.
    assert len(steps) == 4


def test_another_metric_is_computed_for_the_same_codes_and_the_cost_of_training_stays(cell, tmp_path, monkeypatch):
    run_cell(cell, tmp_path)
    facts = cell.folder(tmp_path) / "cell.json"
    before = json.loads(facts.read_text())
    monkeypatch.setattr(gradient, "train_step", lambda *a, **k: pytest.fail("trained again"))
    more = Cell.from_json({**cell.to_json(), "metrics": ["map@all", "map@5"]})
    assert set(run_cell(more, tmp_path).scores[0].result.values) == {"map@all", "map@5/retrieved"}
    assert json.loads(facts.read_text())["seconds"] == before["seconds"]


def test_memory_that_the_system_does_not_tell_is_left_out(cell, tmp_path, monkeypatch):
    for module in (gradient, cell_module):
        monkeypatch.setattr(module, "peak_memory", lambda device: math.nan)
    record = run_cell(cell, tmp_path)
    folder = cell.folder(tmp_path)
    assert "memory/GB" not in (folder / "metrics.jsonl").read_text()
    assert "peak memory" not in record.facts
    for path in folder.glob("*.json*"):
        assert "NaN" not in path.read_text()  # which Python writes, and JSON does not know
    run_cell(Cell.from_json({**cell.to_json(), "metrics": ["map@all", "map@5"]}), tmp_path)
    done = read_done([cell], tmp_path)
    assert done[0].peak_gb is None
    table = score_table(Scores(done, "map@all", "all"))
    assert dict(zip(table.columns, table.rows[0], strict=True))["GB"] == ""
    assert {row["peak_gb"] for row in as_rows(long_table(done))} == {None}


def as_rows(table):
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_what_a_killed_process_left_before_the_run_began_is_taken_away(tmp_path):
    half, other = tmp_path / "half", tmp_path / "other"
    for folder, names in ((half, [".lock", "split.json", ".model.json.x"]), (other, ["split.json", "thesis.tex"])):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
        remove_half_made(folder)
    assert not half.exists()
    assert len(list(other.iterdir())) == 2


def test_a_method_without_epochs_has_no_cost_written_down(tmp_path):
    assert training_cost(tmp_path / "metrics.jsonl") == {}


def test_features_are_extracted_once_for_all_methods_and_a_wrong_one_is_left_to_its_cell(cell, tmp_path, monkeypatch):
    monkeypatch.setenv("CHASH_CACHE", str(tmp_path / "cache"))
    passes = []
    real = feature_cache._extract_shards
    monkeypatch.setattr(feature_cache, "_extract_shards", lambda *a: passes.append(1) or real(*a))
    wrong = Cell.from_json({**cell.to_json(), "method": {"name": "wrong", "fusion": "nothing"}})
    other = Cell.from_json({**cell.to_json(), "method": {"name": "other", "recipe": "default", "fusion": "bbi"}})
    extract_features([wrong, cell, other], Callback())
    assert len(passes) == 1
    run_cell(cell, tmp_path / "out")
    assert len(passes) == 1
    with pytest.raises(UnknownComponentError):
        run_cell(wrong, tmp_path / "out")


def test_a_damaged_picture_is_the_fault_of_the_data_and_not_of_a_cell(cell, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("CHASH_CACHE", str(tmp_path / "cache"))
    with zipfile.ZipFile(tiny) as archive:
        archive.extractall(tmp_path / "data")
    broken = tmp_path / "data" / "images" / "07.png"
    broken.write_bytes(broken.read_bytes()[:100])
    cell = Cell.from_json({**cell.to_json(), "data": {"path": str(tmp_path / "data")}})
    with pytest.raises(DataError, match=r"cannot decode picture 'images/07.png' .* leave its item out with --skip-bad"):
        extract_features([cell], Callback())
