"""The table and the picture of benchmarks/supervision.py, from cells whose scores are given."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossmodal_hash.codes import Codes, pack, save
from crossmodal_hash.evaluation import Score
from crossmodal_hash.report.curves import INK

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
spec = importlib.util.spec_from_file_location("benchmarks_supervision", BENCHMARKS / "supervision.py")
supervision = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = supervision  # where dataclasses look for it
spec.loader.exec_module(supervision)


def codes(name, seed):
    """Of 12 unseen items, every second of which lies opposite its partner in seed 1, and of 40 others."""
    u = np.random.default_rng(0).choice([-1.0, 1.0], (52, 32))
    if name == "text":
        u[12:] = u[0]  # nearer to anything unseen than its partner, if they were not left out
        u[:12:2] *= -1 if seed else 1
    parts = {part: np.zeros(52, bool) for part in ("query", "train", "validation")}
    for part, rows in (("query", slice(12, 20)), ("train", slice(20, 40)), ("validation", slice(40, 52))):
        parts[part][rows] = True
    return Codes(pack(u), 32, list(map(str, range(52))), name, parts=parts | {"database": ~parts["query"]})


@pytest.fixture
def benched(tmp_path, bench_kit):
    """Two seeds of one method and one of another; by labels epoch 1 is best, by both kinds epoch 2."""
    for method, seed, value in (("0.3", 0, 0.5), ("0.3", 1, 0.7), ("labels", 0, 0.4)):
        done = bench_kit.done(method, 64, seed, data="drawings", values=(value, value + 0.1))
        paired = [
            Score(direction, database, bench_kit.result(value / 2, 64, "hit@10"))
            for direction in ("image->text", "text->image")
            for database in ("query", "untrained")
        ]
        folder = bench_kit.write(
            tmp_path, replace(done, record=replace(done.record, scores=[*done.record.scores, *paired]))
        )
        for name in ("image", "text"):
            save(folder / "codes" / f"{name}.safetensors", codes(name, seed))
        rows = [(1, "image->text/unseen/map@all", 0.9), (1, "image->text/partners/map@all", 0.1)]
        rows += [(2, "image->text/unseen/map@all", value), (2, "image->text/partners/map@all", 0.8 + seed / 10)]
        with (folder / "metrics.jsonl").open("w") as file:
            for epoch, metric, score in rows:
                row = {"epoch": epoch, "split": "validation", "metric": metric, "value": score}
                file.write(json.dumps(row) + "\n")
    return tmp_path


def test_a_row_is_the_mean_over_seeds_and_validation_is_that_of_the_kept_epoch(benched, capsys):
    supervision.main([str(benched)])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in capsys.readouterr().out.splitlines()]
    # Database unseen has .1 less than all in these cells.
    assert rows[2] == ["labels", ".400", ".800", ".300/.400", ".200/.200", ".200/.200", "1.000/1.000"]
    deviation = f"{(0.02) ** 0.5:.3f}"[1:]
    half = f"{(0.005) ** 0.5:.3f}"[1:]
    paired = f".300/.300 ± {half}/{half}"
    assert rows[3][:-1] == ["0.3", ".600", ".850", f".500/.600 ± {deviation}/{deviation}", paired, paired]
    # Six of twelve items miss their partner in the second seed: its opposite is never among the first ten of twelve.
    assert rows[3][-1].startswith(".750/.750 ± ")


def test_the_picture_names_every_method(benched, capsys):
    supervision.main([str(benched), "--save", str(benched)])
    drawn = (benched / "supervision-drawings.svg").read_text()
    assert INK not in drawn  # invisible on a dark page
    assert all(f">{name}<" in drawn for name in ("labels", "0.3", "image to text", "text to image"))


def test_a_data_set_without_cells_is_refused(benched, capsys):
    with pytest.raises(SystemExit):
        supervision.main([str(benched), "--data", "flickr"])
    assert "has no finished cell on flickr" in capsys.readouterr().err
