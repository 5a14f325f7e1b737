"""One text of an item a training epoch, a code for every text, and resuming bit for bit."""

import json
import zipfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from interrupting import interrupt_at

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load
from crossmodal_hash.data import Matrix, load_texts
from crossmodal_hash.opening.recognize import load_data
from crossmodal_hash.training.drawn import Drawn, draw
from crossmodal_hash.training.inputs import Cached, Dense
from crossmodal_hash.training.statistics import fit_inputs
from crossmodal_hash.types import Level


@pytest.fixture(scope="module")
def five(tiny, tmp_path_factory):
    """The tiny data with one to five texts a picture; all but the first say nothing of the colors."""
    folder = tmp_path_factory.mktemp("five") / "data"
    with zipfile.ZipFile(tiny) as archive:
        archive.extractall(folder)
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    for i, row in enumerate(rows):
        text = row.pop("text")
        row["texts"] = [f"{text} variant{k}" for k in range(1 + i % 5)]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def argv(five, small, out, *more):
    options = ["--out", str(out), "--epochs", "3", "--bits", "16", "--text", "bow-mlp"]
    return ["train", "--data", str(five), *options, *small, *(x for value in more for x in ("--set", value))]


def test_every_text_is_drawn_equally_often_and_other_items_have_no_part_in_it():
    counts = np.array([1, 2, 3, 5])
    drawn = np.array([draw(counts, 7, epoch) for epoch in range(3000)])
    for item, count in enumerate(counts):
        found = Counter(drawn[:, item].tolist())
        assert sorted(found) == list(range(count))
        assert all(abs(times - 3000 / count) < 5 * np.sqrt(3000 / count) for times in found.values())
    # Two items of one count are drawn independently, and so are epochs and seeds.
    pair = np.array([draw(np.array([5, 5]), 0, epoch) for epoch in range(2000)])
    assert abs((pair[:, 0] == pair[:, 1]).mean() - 0.2) < 0.05
    assert not np.array_equal(draw(np.full(50, 5), 0, 1), draw(np.full(50, 5), 1, 0))


def test_an_item_shows_one_of_its_own_texts_whatever_its_batch():
    owners = np.repeat(np.arange(6), [1, 2, 3, 4, 5, 1])
    stream = Drawn(Dense(Matrix(np.arange(16, dtype=np.float32)[:, None])), owners, seed=3)

    def shown(rows, epoch, of=stream):
        return torch.cat(list(of.batches([np.array(r) for r in rows], epoch))).reshape(-1).int().tolist()

    whole = shown([range(6)], 2)
    assert [owners[text] for text in whole] == list(range(6))
    assert shown([[5, 4], [3], [2, 1, 0]], 2) == whole[::-1]
    assert len({tuple(shown([range(6)], epoch)) for epoch in range(20)}) > 10
    assert shown([range(6)], 4, stream.plain()) == [0, 1, 3, 6, 10, 15]
    assert stream.texts_of(np.array([4, 1])).tolist() == [1, 2, 10, 11, 12, 13, 14]


@pytest.mark.parametrize("memory", ["batch", "full"])
def test_a_resumed_run_draws_the_same_texts(five, small, tmp_path, memory):
    more = [f"train.memory={memory}", "train.checkpoint_every=0"]
    assert main([*argv(five, small, tmp_path / "whole", *more), "-q"]) == 0
    with interrupt_at(5):
        assert main(argv(five, small, tmp_path / "stopped", *more)) == 130
    assert main(["train", "--resume", str(tmp_path / "stopped"), "-q"]) == 0
    whole, stopped = (Path(tmp_path, name, "weights.safetensors").read_bytes() for name in ("whole", "stopped"))
    assert whole == stopped


def test_training_sees_every_text_and_the_vocabulary_is_that_of_all(five, small, tmp_path, monkeypatch):
    from crossmodal_hash.training import drawn

    seen = set()
    real = Dense.batches

    def watched(self, plan, epoch=0):
        plan = list(plan)
        seen.update(int(row) for rows in plan for row in rows)
        return real(self, plan, epoch)

    monkeypatch.setattr(Dense, "batches", watched)
    monkeypatch.setattr(drawn, "draw", lambda counts, seed, epoch: np.minimum(counts - 1, epoch))
    # One batch an epoch: of several, the last is dropped where it is shorter.
    assert main([*argv(five, small, tmp_path / "run", "train.batch=64"), "--epochs", "5", "-q"]) == 0
    owners = load_data(five).modalities["text"].owners
    train = json.loads((tmp_path / "run" / "split.json").read_text())["train"]
    row_of = {name: row for row, name in enumerate(load_data(five).ids)}
    assert seen >= set(np.flatnonzero(np.isin(owners, [row_of[name] for name in train])).tolist())
    words = json.loads((tmp_path / "run" / "vocabulary.json").read_text())["words"]
    assert {f"variant{k}" for k in range(5)} <= set(words)


def test_every_text_has_the_code_that_it_has_alone(five, small, tmp_path, capsys):
    run = str(tmp_path / "run")
    assert main([*argv(five, small, run), "-q"]) == 0
    assert main(["encode", run, "-q"]) == 0
    image, text = (load(Path(run, "codes", f"{name}.safetensors")) for name in ("image", "text"))
    data = load_data(five)
    owners = data.modalities["text"].owners
    assert (len(image), len(text)) == (48, len(owners))
    assert text.ids.tolist() == [data.ids[owner] for owner in owners]
    assert np.array_equal(text.labels, image.labels[owners])
    assert text.parts.keys() == image.parts.keys()
    assert all(np.array_equal(text.parts[part], image.parts[part][owners]) for part in text.parts)
    (tmp_path / "all.txt").write_text("\n".join(data.modalities["text"].every.items))
    assert len(load_texts(tmp_path / "all.txt")) == len(owners)
    assert main(["encode", run, "--texts", str(tmp_path / "all.txt"), "--out", str(tmp_path / "alone"), "-q"]) == 0
    assert np.array_equal(load(tmp_path / "alone" / "text.safetensors").packed, text.packed)

    # A hit among texts is shown with the text that was hit, and the item whose text it is.
    capsys.readouterr()
    asked = [*text.ids[:2].tolist(), *text.ids[-1:].tolist()]
    assert main(["search", run, "--images", str(five / asked[0]), "-k", str(len(owners)), "--json"]) == 0
    ((found),) = [answer["results"] for answer in json.loads(capsys.readouterr().out)]
    said = Counter((hit["item"], hit["text"]) for hit in found)
    assert said == Counter((data.ids[o], t) for o, t in zip(owners, data.modalities["text"].every.items, strict=True))
    assert main(["report", run, "--out", str(tmp_path / "report.html"), "-q"]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "variant1" in page
    capsys.readouterr()
    assert main(["evaluate", run, "--real-valued"]) == 0
    assert f"text: {len(owners)} codes of 48 items, each a query and a candidate of its own" in capsys.readouterr().err
    assert main(["encode", run, "--known-labels", "--out", str(tmp_path / "known"), "-q"]) == 0
    known = {name: load(tmp_path / "known" / f"{name}.safetensors") for name in ("image", "text")}
    of_picture = dict(zip(known["image"].ids.tolist(), known["image"].packed.tolist(), strict=True))
    made = known["text"].parts["known_labels"]
    assert made.any()
    assert all(
        code.tolist() == of_picture[i]
        for i, code in zip(known["text"].ids[made], known["text"].packed[made], strict=True)
    )


def test_closed_forms_fit_the_first_texts_and_unify_all(five, small, tmp_path):
    run = tmp_path / "run"
    base = ["train", "--data", str(five), "--out", str(run), "--recipe", "seph", "--bits", "8"]
    own = ["--set", "towers.image.backbone.size=32", "--set", "data.vocabulary.min_count=1"]
    assert main([*base, *own, "--set", "closed_form.codes=unified", "-q"]) == 0
    assert main(["encode", str(run), "-q"]) == 0
    image, text = (load(run / "codes" / f"{name}.safetensors") for name in ("image", "text"))
    of_picture = dict(zip(image.ids.tolist(), image.packed.tolist(), strict=True))
    unified = text.parts["unified"]
    assert unified.any()
    assert all(code.tolist() == of_picture[i] for i, code in zip(text.ids[unified], text.packed[unified], strict=True))


def test_the_scale_of_the_input_is_fitted_to_all_texts_of_the_training_items():
    fitted = []
    spy = SimpleNamespace(fit=lambda levels: fitted.append(levels[0].x.reshape(-1).tolist()))
    tower = SimpleNamespace(standardize=spy, scale=None, shortcut=None)
    levels = (Level(torch.arange(7.0)[:, None]),)
    stream = Drawn(Cached(levels), np.array([0, 0, 1, 2, 2, 2, 3]), seed=0)
    fit_inputs(SimpleNamespace(tower=lambda name: tower), {"text": stream}, np.array([3, 0, 2]), 0)
    assert fitted == [[0.0, 1.0, 3.0, 4.0, 5.0, 6.0]]
