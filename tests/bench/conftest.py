"""Finished cells without a training: run folders as a cell leaves them, with scores that are given."""

import json

import numpy as np
import pytest

from crossmodal_hash.bench.done import Done
from crossmodal_hash.bench.grid import Cell, GridData, GridMethod
from crossmodal_hash.bench.state import FACTS, SCORES
from crossmodal_hash.evaluation import Score
from crossmodal_hash.metrics import Result
from crossmodal_hash.report.result import Record
from crossmodal_hash.settings.resolve import resolve


def make_result(value, bits, metric):
    return Result(
        values={metric: value},
        per_query={metric: np.array([value, value])},
        curves={},
        queries=2,
        database=10,
        bits=bits,
        relevant_pairs=6,
        empty_queries=0,
        empty_balls={},
        left_out=0,
        random_floor=0.5,
        floors={metric: 0.5},
        query_ids=np.array(["a", "b"]),
        ranked_by="hamming",
        ties="expected",
        empty="zero",
    )


def make_cell(method="default", bits=16, seed=0, data="flickr", **more):
    return Cell(GridMethod(name=method, recipe="default"), bits, seed, GridData(name=data, path="x.zip"), **more)


def make_done(
    method="default", bits=16, seed=0, data="flickr", values=(0.7, 0.6), seconds=10.0, peak_gb=1.0, metric="map@all"
):
    directions = ("image->text", "text->image")
    scores = [
        Score(direction, database, make_result(value - (0.1 if database == "unseen" else 0), bits, metric))
        for direction, value in zip(directions, values, strict=True)
        for database in ("all", "unseen")
    ]
    record = Record(method, scores, {"fusion": f"fusion of {method}"})
    return Done(make_cell(method, bits, seed, data), record, seconds, peak_gb)


def write_done(out, done):
    """The folder that such a cell leaves."""
    cell, folder = done.cell, done.cell.folder(out)
    folder.mkdir(parents=True)
    entries = resolve(cell.method.recipe, sets=cell.all_sets(), flags=cell.flags()).entries()
    (folder / "config.json").write_text(json.dumps({"recipe": "default", "settings": entries}))
    facts = {"cell": cell.to_json(), "metrics": list(cell.metrics), "seconds": done.seconds, "peak_gb": done.peak_gb}
    (folder / FACTS).write_text(json.dumps(facts))
    done.record.save(folder / SCORES)
    return folder


@pytest.fixture
def bench_kit():
    from types import SimpleNamespace

    return SimpleNamespace(cell=make_cell, done=make_done, result=make_result, write=write_done)
