"""The second pass: everything that was given is trained on, up to the epoch that was chosen without it."""

import json

import pytest
from interrupting import interrupt_at
from vectors import vectors

import crossmodal_hash as ch
from crossmodal_hash.runs.best_epoch import kept_scores
from crossmodal_hash.training import gradient
from crossmodal_hash.training.trainer import resume

SIZES = ["data.query=30", "data.train=100", "data.validation=20"]


@pytest.fixture(scope="module")
def data():
    return vectors()


def weights(recipe, data, out, *sets):
    run = ch.train(ch.build(recipe, sets=sets, bits=8), data, out=out)
    return run, run.weights.read_bytes()


def falling_scores(monkeypatch):
    """From now on each validation finds less than the one before."""
    worse = iter(range(9, 0, -1))
    monkeypatch.setattr(
        gradient, "validation_scores", lambda *_, **__: {"image->text/unseen/map@all": next(worse) / 10}
    )


def test_a_refit_is_the_training_on_all_items_stopped_at_the_chosen_epoch(data, tmp_path):
    sets = ["train.batch=20", "train.epochs=4"]
    first, kept = weights("default", data, tmp_path / "first", *SIZES, *sets)
    chosen = kept_scores(first.metrics, "best")["epoch"]
    again, refitted = weights("default", data, tmp_path / "again", *SIZES, *sets, "train.refit=true")
    # All 100 items, as if there had been no choice to make; the schedule is that of 4 epochs of 5 steps.
    alone = ["data.query=30", "data.train=100", "data.validation=0", *sets, f"train.max_steps={5 * chosen}"]
    _, all_items = weights("default", data, tmp_path / "all", *alone)
    assert refitted == all_items != kept
    rows = [json.loads(line) for line in again.metrics.read_text().splitlines()]
    assert [row["epoch"] for row in rows if row["split"] == "refit" and row["metric"] == "seconds"] == list(
        range(5, 5 + chosen)
    )
    assert kept_scores(again.metrics, "best") == kept_scores(first.metrics, "best")


def test_the_last_epoch_is_refitted_in_full(data, tmp_path):
    sets = ["train.batch=20", "train.epochs=2", "train.select=last"]
    _, refitted = weights("dcmh", data, tmp_path / "refit", *SIZES, *sets, "train.refit=true")
    alone = ["data.query=30", "data.train=100", "data.validation=0", *sets]
    assert weights("dcmh", data, tmp_path / "all", *alone)[1] == refitted


def test_a_closed_form_is_fitted_to_all_items(data, tmp_path):
    run, refitted = weights("scm", data, tmp_path / "refit", *SIZES, "train.refit=true")
    _, all_items = weights("scm", data, tmp_path / "all", *SIZES[:2], "data.validation=0")
    _, kept = weights("scm", data, tmp_path / "kept", *SIZES)
    assert refitted == all_items != kept
    rows = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    assert [(row["epoch"], row["split"]) for row in rows if row["metric"] == "seconds"] == [(1, "train"), (2, "refit")]
    assert {row["epoch"] for row in rows if row["split"] == "validation"} == {1}


def test_without_validation_items_there_is_one_pass(data, tmp_path):
    sets = [*SIZES[:2], "data.validation=0", "train.batch=20", "train.epochs=2"]
    run, refitted = weights("dcmh", data, tmp_path / "refit", *sets, "train.refit=true")
    assert refitted == weights("dcmh", data, tmp_path / "plain", *sets)[1]
    assert '"refit"' not in run.metrics.read_text()


def test_with_the_last_epoch_selected_all_epochs_are_refitted_though_an_earlier_one_was_better(
    data, tmp_path, monkeypatch
):
    falling_scores(monkeypatch)
    sets = ["train.batch=20", "train.epochs=3", "train.select=last", "train.validate_every=1"]
    run, refitted = weights("dcmh", data, tmp_path / "refit", *SIZES, *sets, "train.refit=true")
    assert kept_scores(run.metrics, "best")["epoch"] == 1
    alone = ["data.query=30", "data.train=100", "data.validation=0", *sets]
    assert weights("dcmh", data, tmp_path / "all", *alone)[1] == refitted


def test_a_resumed_training_keeps_the_best_epoch_of_before(data, tmp_path, monkeypatch):
    falling_scores(monkeypatch)
    sets = [*SIZES, "train.batch=20", "train.epochs=3", "train.validate_every=1"]
    _, whole = weights("dcmh", data, tmp_path / "whole", *sets)
    falling_scores(monkeypatch)
    # An epoch has 4 steps for each of two networks, or for both.
    with interrupt_at(12), pytest.raises(KeyboardInterrupt):
        weights("dcmh", data, tmp_path / "stopped", *sets)
    assert resume(ch.open_run(tmp_path / "stopped"), data).weights.read_bytes() == whole
