"""A training from Python is told to the package's logger, and to nobody who has not asked."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

import crossmodal_hash as ch
from crossmodal_hash.cli.main import main
from crossmodal_hash.runs.best_epoch import kept_scores
from crossmodal_hash.runs.log import Logging

ROOT = Path(__file__).parents[2]


@pytest.fixture
def told(caplog):
    """Level and words of what the package has logged."""
    caplog.set_level(logging.INFO)
    return lambda: [(r.levelname, r.getMessage()) for r in caplog.records if r.name.startswith("crossmodal_hash")]


def test_a_training_is_logged_line_by_line_and_nothing_is_printed(tiny, small, tmp_path, told, capsys):
    class Counts(ch.Callback):
        told = 0

        def on_epoch_end(self, record):
            self.told += 1

    method, counts = ch.build("default", bits=16, epochs=2, sets=[*small[1::2], "train.validate_every=1"]), Counts()
    run = ch.train(method, ch.load_data(tiny), out=tmp_path / "run", callbacks=[counts])
    levels, words = zip(*told(), strict=True)
    assert set(levels) == {"INFO"}
    start = words.index(f"training into {run.path}")
    first, second, kept, weights = words[start + 1 :]
    for epoch, line in enumerate((first, second), 1):
        assert line.startswith(f"epoch {epoch}/2 ")
        assert " | hard 0." in line
        assert " | validation image->text 0." in line
    found = kept_scores(run.metrics, "best")
    assert kept.startswith(f"epoch {found['epoch']} kept; on the validation items: image->text/map@all 0.")
    assert weights == f"the weights are in {run.weights}"
    assert counts.told == 2  # somebody's own callback does not take the logger's place
    assert capsys.readouterr() == ("", "")


def test_the_command_line_says_it_once(tiny, small, tmp_path, told, capsys):
    argv = ["train", "--data", str(tiny), "--out", str(tmp_path / "run"), "--bits", "16", "--epochs", "1", *small]
    assert main(argv) == 0
    assert capsys.readouterr().err.count("epoch 1/1 ") == 1
    assert told() == []


def test_a_program_without_logging_hears_nothing_and_one_with_it_hears_everything():
    code = (
        "import logging, sys; import crossmodal_hash as ch; exec(sys.argv[1]); from crossmodal_hash.runs.log import *"
    )
    code += "; LOGGER.error('an error'); Logging().on_note('a note')"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = [
        subprocess.run([sys.executable, "-c", code, setup], env=env, capture_output=True, text=True, check=True)
        for setup in ("", "logging.basicConfig(level='INFO')")
    ]
    assert [done.stdout for done in said] == ["", ""]
    assert said[0].stderr == ""
    assert said[1].stderr.splitlines() == ["ERROR:crossmodal_hash:an error", "INFO:crossmodal_hash:a note"]


def test_notes_and_long_work_are_logged_and_epochs_only_when_they_end(told):
    callback = Logging()
    callback.on_note("3 of 4 texts have no words")
    with callback.task("features of 5 pictures", 5), callback.task("epoch 1 of 2", 9):
        pass
    assert told() == [("INFO", "3 of 4 texts have no words"), ("INFO", "features of 5 pictures ...")]
