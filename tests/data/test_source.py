"""What a modality can be: the promises of every kind, and a kind that the package has never heard of."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import crossmodal_hash as ch
from crossmodal_hash.cli.main import main
from crossmodal_hash.components import BACKBONES, READERS
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.data import Dataset, Match, Matrix, Reader, Source, Texts, View, load_pictures
from crossmodal_hash.testing import assert_conforms, check
from crossmodal_hash.types import LevelInfo

WAVES = 8


@dataclass(frozen=True, eq=False)
class Tones(Source):
    """N sounds of so many samples."""

    samples: np.ndarray

    kind = "sound"
    things = "sounds"
    feeds = frozenset({"sound"})

    def __len__(self):
        return len(self.samples)

    def take(self, rows):
        return Tones(self.samples[np.asarray(rows, dtype=np.int64)])

    def fingerprint(self):
        return self.samples.tobytes().hex()

    def content(self, row):
        return self.samples[row].tobytes()

    def batches(self, plan, view):
        return (torch.from_numpy(self.samples[rows]) for rows in plan)


class Spectrum(Backbone):
    """How strong each wave is in a sound."""

    reads = "sound"
    freezable = True

    def __init__(self, *, waves: int = WAVES) -> None:
        super().__init__()
        self.waves = waves
        self.levels = (LevelInfo("spectrum", waves, 0),)

    def example(self, batch):
        return torch.linspace(-1, 1, batch * 64).reshape(batch, 64)

    def compute(self, x):
        return [torch.fft.rfft(x.float(), dim=1).abs()[:, 1 : 1 + self.waves]]


class Sounds(Reader):
    """A folder with sounds.npy and a metadata file that names the labels."""

    def matches(self, place):
        return Match.SURE if (place.path / "sounds.npy").exists() else Match.NO

    def read(self, place, needs):
        items = json.loads((place.path / "items.json").read_text())
        samples = np.load(place.path / "sounds.npy")
        names = ("low", "high")
        labels = np.array([[item["label"] == name for name in names] for item in items], dtype=np.uint8)
        caption = Texts(tuple(item["text"] for item in items))
        ids = tuple(str(row) for row in range(len(items)))
        return Dataset("sounds", ids, {"sound": Tones(samples), "caption": caption}, labels, names)


RECIPE = """
title = "Sounds and captions"
[towers.sound]
backbone = "spectrum"
levels = 1
width = 16
[towers.caption]
backbone = { name = "bow-mlp", hidden = [16] }
levels = 1
width = 16
[terms.hard]
loss = "pairwise-nll"
criterion = "hard"
[train]
lr = 0.01
batch = 8
epochs = 30
[frozen.train]
epochs = 30
"""


@pytest.fixture
def sounds(tmp_path, monkeypatch):
    """A folder of low and high sounds with captions, whose reader and backbone are registered, and its recipe."""
    monkeypatch.setenv("CHASH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(READERS.added, "sounds", Sounds)
    monkeypatch.setitem(BACKBONES.added, "spectrum", Spectrum)
    folder = tmp_path / "sounds"
    folder.mkdir()
    rng = np.random.default_rng(0)
    high = np.arange(60) % 2
    time = np.linspace(0, 2 * np.pi, 64)
    waves = np.sin(np.where(high, 6, 2)[:, None] * time + rng.uniform(0, 6, (60, 1)))
    np.save(folder / "sounds.npy", (waves + rng.normal(0, 0.1, waves.shape)).astype(np.float32))
    items = [
        {"text": f"a {'bright whistle' if h else 'deep drum'} {rng.integers(5)}", "label": "high" if h else "low"}
        for h in high
    ]
    (folder / "items.json").write_text(json.dumps(items))
    (tmp_path / "sounds.toml").write_text(RECIPE)
    return folder


@pytest.fixture
def sources(contents, write):
    return {
        "image": load_pictures(write(contents)).modalities["image"],
        "text": Texts(("a red bus", "", "a cat")),
        "vector": Matrix(np.arange(6, dtype=np.float32).reshape(3, 2)),
        "sound": Tones(np.arange(12, dtype=np.float32).reshape(3, 4)),
    }


@pytest.mark.parametrize("kind", ["image", "text", "vector", "sound"])
def test_what_every_kind_promises(sources, kind):
    source = sources[kind]
    assert source.kind == kind
    assert source.feeds
    n = len(source)
    turned = source.take(np.arange(n)[::-1])
    assert len(turned) == n
    assert [turned.content(row) for row in range(n)] == [source.content(row) for row in range(n)][::-1]
    assert turned.take(np.arange(n)[::-1]).fingerprint() == source.fingerprint()
    assert turned.fingerprint() != source.fingerprint()
    plan = [np.arange(n)[-1:], np.arange(n)]
    assert [len(batch) for batch in source.batches(plan, View(size=16, workers=0))] == [1, n]
    text, picture = source.text(0), source.picture(0, 8)
    assert (text is not None) == (kind == "text")
    assert (picture is not None) == (kind == "image")


def test_only_pictures_are_seen_in_a_mirror(sources):
    plan = [np.arange(len(sources["image"]))]
    (plain,) = sources["image"].batches(plan, View(size=16, workers=0))
    (turned,) = sources["image"].batches(plan, View(size=16, mirrored=True, workers=0))
    assert torch.equal(turned, plain.flip(-1))
    assert [name for name, source in sources.items() if source.mirrors] == ["image"]


@pytest.mark.parametrize("freeze", [True, False])
def test_a_kind_and_names_of_ones_own_are_trained_encoded_and_searched(sounds, tmp_path, capsys, freeze):
    run = str(tmp_path / "run")
    argv = [
        "train",
        "--data",
        str(sounds),
        "--recipe",
        str(tmp_path / "sounds.toml"),
        "--bits",
        "8",
        "-q",
        "--out",
        run,
    ]
    argv += ["--freeze-backbone" if freeze else "--no-freeze-backbone", "--query", "10", "--train", "40"]
    assert main(argv) == 0
    assert main(["encode", run, "-q"]) == 0
    assert main(["evaluate", run, "--json"]) == 0
    capsys.readouterr()
    (tmp_path / "asked.txt").write_text("deep drum\nbright whistle\n")
    assert main(["search", run, "--inputs", f"caption={tmp_path / 'asked.txt'}", "-k", "5", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)
    for answer, parity in zip(answers, (0, 1), strict=True):
        assert [int(found["item"]) % 2 for found in answer["results"]] == [parity] * 5
    new = str(tmp_path / "codes")
    assert main(["encode", run, "--inputs", f"caption={tmp_path / 'asked.txt'}", "--out", new, "--json"]) == 0
    (written,) = json.loads(capsys.readouterr().out)
    assert (written["modality"], written["items"], written["bits"]) == ("caption", 2, 8)


def test_a_backbone_that_reads_a_word_of_its_own_gives_an_example(monkeypatch):
    monkeypatch.setitem(BACKBONES.added, "spectrum", Spectrum)
    assert_conforms("backbone", "spectrum")

    class Silent(Spectrum):
        example = Backbone.example

    monkeypatch.setitem(BACKBONES.added, "silent", Silent)
    faults = [finding.observation for finding in check("backbone", "silent") if not finding.ok]
    assert any("define example()" in fault for fault in faults)


def test_a_data_set_says_which_of_its_modalities_are_of_a_kind():
    data = Dataset("toy", ("a",), {"title": Texts(("x",)), "tags": Texts(("y",)), "image": Matrix(np.ones((1, 2)))})
    assert list(data.of(Texts)) == ["title", "tags"]
    assert list(data.of(Matrix)) == ["image"]


def test_blank_texts_of_any_name_are_refused(sounds, tmp_path, capsys):
    items = json.loads((sounds / "items.json").read_text())
    items[3]["text"] = "  "
    (sounds / "items.json").write_text(json.dumps(items))
    assert main(["train", "--data", str(sounds), "--recipe", str(tmp_path / "sounds.toml")]) == 2
    assert "1 of 60 items of 'sounds' have no text ('3')" in capsys.readouterr().err
    assert ch.load_data(sounds, need_texts=False).modalities["caption"].text(3) == "  "
