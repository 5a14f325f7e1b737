from types import SimpleNamespace

import torch
from vectors import vectors

import crossmodal_hash as ch
from crossmodal_hash.training import gradient
from crossmodal_hash.training.checkpoint import Progress, load, save


def test_what_was_loaded_is_no_part_of_the_file_any_more(tmp_path):
    """Windows lets nobody replace a mapped file, and a resumed training saves to the one it was loaded from."""
    path = tmp_path / "state.safetensors"
    weights = torch.arange(1000.0)
    save(path, Progress(epoch=3), {"model": {"weight": weights}})
    progress, groups = load(path)
    with path.open("r+b") as file:
        file.seek(-4 * len(weights), 2)
        file.write(bytes(4 * len(weights)))
    assert progress.epoch == 3
    assert torch.equal(groups["model"]["weight"], weights)


def test_a_checkpoint_is_due_when_enough_time_has_passed_since_the_last(tmp_path, monkeypatch):
    clock, saved, step = [0.0], [], gradient.train_step

    def one_second_long(*args, **options):
        clock[0] += 1
        return step(*args, **options)

    monkeypatch.setattr(gradient, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(gradient, "train_step", one_second_long)
    monkeypatch.setattr(gradient.State, "save", lambda state, path: saved.append(clock[0]))
    sizes = ["data.query=30", "data.train=100", "data.validation=0", "train.batch=10", "train.checkpoint_every=3"]
    ch.train(ch.build(sets=sizes, bits=8, epochs=1), vectors(), out=tmp_path / "a" / "run")
    assert saved == [4, 8]
