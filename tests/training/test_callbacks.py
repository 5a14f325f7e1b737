"""What happens in a training is told to callbacks, in order, and what they raise loses nothing."""

import pytest

import crossmodal_hash as ch
from crossmodal_hash.callbacks import Callbacks
from crossmodal_hash.cli.main import main


class Diary(ch.Callback):
    def __init__(self, stop_at=None):
        self.entries, self.stop_at = [], stop_at

    def on_run_start(self, run):
        self.entries.append(f"start {(run / 'config.json').exists()} {(run / 'weights.safetensors').exists()}")

    def on_epoch_end(self, record):
        self.entries.append(f"epoch {record.epoch}/{record.epochs}")
        if record.epoch == self.stop_at:
            raise RuntimeError("the tracker is gone")

    def on_run_end(self, run):
        self.entries.append(f"end {(run / 'weights.safetensors').exists()}")

    def on_note(self, text):
        self.entries.append(text)


def method(small):
    return ch.build("default", bits=16, epochs=3, sets=[*small[1::2], "train.checkpoint_every=0"])


def test_hooks_are_called_in_order_and_every_callback_is_told(tiny, small, tmp_path):
    first, second = Diary(), Diary()
    ch.train(method(small), ch.load_data(tiny), out=tmp_path / "run", callbacks=[first, second])
    assert first.entries == ["start True False", "epoch 1/3", "epoch 2/3", "epoch 3/3", "end True"]
    assert second.entries == first.entries


def test_what_a_callback_raises_ends_the_training_which_can_be_resumed(tiny, small, tmp_path):
    ch.train(method(small), ch.load_data(tiny), out=tmp_path / "whole")
    with pytest.raises(RuntimeError, match="the tracker is gone"):
        ch.train(method(small), ch.load_data(tiny), out=tmp_path / "run", callbacks=[Diary(stop_at=2)])
    assert main(["train", "--resume", str(tmp_path / "run"), "--data", str(tiny), "-q"]) == 0
    whole, resumed = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "run"))
    assert whole == resumed


def test_a_task_is_told_to_each_and_closed_in_turn():
    told = []

    class Counts(ch.Callback):
        from contextlib import contextmanager

        @contextmanager
        def task(self, label, total):
            told.append(f"{label} of {total}")
            yield lambda done: told.append(done)
            told.append("closed")

    with Callbacks([Counts(), Counts()]).task("codes", 5) as advance:
        advance(2)
    assert told == ["codes of 5", "codes of 5", 2, 2, "closed", "closed"]
