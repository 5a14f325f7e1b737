"""Which epoch is kept."""

import json

import torch

import crossmodal_hash as ch
from crossmodal_hash.runs.best_epoch import kept_scores
from crossmodal_hash.training import gradient

SCORES = [  # by epoch: training items are found better and better, others best after the second
    {"image->text/map@all": 0.5, "image->text/unseen/map@all": 0.4, "text->image/unseen/map@all": 0.5},
    {"image->text/map@all": 0.6, "image->text/unseen/map@all": 0.6, "text->image/unseen/map@all": 0.4},
    {"image->text/map@all": 0.9, "image->text/unseen/map@all": 0.5, "text->image/unseen/map@all": 0.4},
]


def test_items_that_were_not_trained_on_choose_the_epoch(tmp_path):
    path = tmp_path / "metrics.jsonl"
    rows = [
        {"epoch": epoch, "split": "validation", "metric": metric, "value": value}
        for epoch, scores in enumerate(SCORES, 1)
        for metric, value in scores.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert kept_scores(path, "best") == {"epoch": 2, "scores": SCORES[1]}
    with path.open("a") as file:
        file.writelines(json.dumps(row | {"epoch": 4}) + "\n" for row in rows if row["epoch"] == 2)
    assert kept_scores(path, "best")["epoch"] == 4  # of equals the later
    assert kept_scores(path, "last")["epoch"] == 4


def test_the_weights_of_that_epoch_are_kept(tiny, small, tmp_path, monkeypatch):
    data = ch.load_data(tiny)

    def weights(name, epochs, select):
        told = iter(SCORES)
        monkeypatch.setattr(gradient, "validation_scores", lambda *_: next(told))
        sets = [*small[1::2], "train.schedule=constant", "train.validate_every=1", f"train.select={select}"]
        method = ch.build("default", bits=8, sets=sets)
        run = ch.train(method, data, epochs=epochs, out=tmp_path / name)
        return run.load_model(torch.device("cpu")).fingerprint()

    second = weights("second", 2, "last")
    assert weights("best", 3, "best") == second
    assert weights("last", 3, "last") != second
