import json

import pytest

from crossmodal_hash.bench.grid import Cell, GridData, GridMethod
from crossmodal_hash.bench.state import SCORES, State, state
from crossmodal_hash.errors import RunError


def test_a_cell_without_folder_is_missing(bench_kit, tmp_path):
    assert state(bench_kit.cell(), tmp_path) == (State.MISSING, "")


def test_a_cell_with_scores_of_the_same_settings_is_done(bench_kit, tmp_path):
    done = bench_kit.done()
    bench_kit.write(tmp_path, done)
    assert state(done.cell, tmp_path) == (State.DONE, "")


def test_a_cell_without_scores_is_unfinished(bench_kit, tmp_path):
    done = bench_kit.done()
    (bench_kit.write(tmp_path, done) / SCORES).unlink()
    assert state(done.cell, tmp_path)[0] is State.UNFINISHED


def test_a_metric_more_leaves_it_unfinished(bench_kit, tmp_path):
    done = bench_kit.done()
    bench_kit.write(tmp_path, done)
    more = bench_kit.cell(metrics=("map@all", "map@50"))
    assert state(more, tmp_path)[0] is State.UNFINISHED


def test_other_settings_are_named(bench_kit, tmp_path):
    bench_kit.write(tmp_path, bench_kit.done())
    found, changed = state(bench_kit.cell(sets=("train.epochs=3", "train.batch=8")), tmp_path)
    assert found is State.OTHER
    assert "train.epochs was 25 and is 3 now" in changed or "train.epochs was" in changed
    assert "train.batch was" in changed
    assert "train.lr" not in changed


def test_other_data_under_the_same_name_are_other_settings(bench_kit, tmp_path):
    bench_kit.write(tmp_path, bench_kit.done())
    moved = Cell(GridMethod(name="default"), 16, 0, GridData(name="flickr", path="elsewhere/x.zip"))
    assert "data.path was 'x.zip' and is" in state(moved, tmp_path)[1]


def test_the_same_data_by_another_path_are_the_same(bench_kit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bench_kit.write(tmp_path, bench_kit.done())
    same = Cell(GridMethod(name="default"), 16, 0, GridData(name="flickr", path=str(tmp_path / "x.zip")))
    assert state(same, tmp_path)[0] is State.DONE


def test_what_the_data_decided_stays_decided(bench_kit, tmp_path):
    done = bench_kit.done()
    config = bench_kit.write(tmp_path, done) / "config.json"
    content = json.loads(config.read_text())
    old = {k: v for k, v in content["settings"].items() if not k.startswith("towers.image.backbone.")}
    origin = "data: image is a matrix of features"
    old["towers.image.backbone.name"] = {"value": "mlp", "origin": origin}
    old["towers.image.levels"] = {"value": 2, "origin": origin}
    config.write_text(json.dumps({**content, "settings": old}))
    assert state(done.cell, tmp_path) == (State.DONE, "")


def test_a_setting_that_is_new_has_had_its_default(bench_kit, tmp_path):
    done = bench_kit.done()
    config = bench_kit.write(tmp_path, done) / "config.json"
    content = json.loads(config.read_text())
    entry = content["settings"].pop("train.clip")
    assert entry["origin"] == "default"
    config.write_text(json.dumps(content))
    assert state(done.cell, tmp_path)[0] is State.DONE


def test_what_no_part_uses_was_written_down_once_and_changes_nothing(bench_kit, tmp_path):
    done = bench_kit.done()
    config = bench_kit.write(tmp_path, done) / "config.json"
    content = json.loads(config.read_text())
    assert "train.momentum" not in content["settings"]
    content["settings"]["train.momentum"] = {"value": 0.1, "origin": "recipe default"}
    config.write_text(json.dumps(content))
    assert state(done.cell, tmp_path)[0] is State.DONE


def test_broken_facts_are_one_sentence(bench_kit, tmp_path):
    done = bench_kit.done()
    (bench_kit.write(tmp_path, done) / "cell.json").write_text("{")
    with pytest.raises(RunError, match="remove the file"):
        state(done.cell, tmp_path)
