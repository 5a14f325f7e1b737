"""A backbone that reads texts as they were written: embedded once, kept, and encoded like any other."""

import json
import zipfile

import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load
from crossmodal_hash.components import BACKBONES
from crossmodal_hash.testing import assert_conforms

LETTERS = '''
import torch

from crossmodal_hash.contracts import Backbone
from crossmodal_hash.types import LevelInfo

SEEN = []


class Letters(Backbone):
    """How often each letter of an alphabet is in a text."""

    reads = "string"
    freezable = True
    argument = "alphabet"

    def __init__(self, *, alphabet: str = "abcdefghijklmnopqrstuvwxyz") -> None:
        super().__init__()
        self.alphabet = alphabet
        self.levels = (LevelInfo("letters", len(alphabet), 0),)

    def compute(self, x):
        SEEN.extend(x)
        return [torch.tensor([[float(text.count(letter)) for letter in self.alphabet] for text in x])]
'''


@pytest.fixture
def letters(tmp_path, monkeypatch):
    (tmp_path / "read_letters.py").write_text(LETTERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(BACKBONES.builtin, "letters", "read_letters:Letters")
    monkeypatch.setenv("CHASH_CACHE", str(tmp_path / "cache"))
    import read_letters

    read_letters.SEEN.clear()
    return read_letters.SEEN


def test_texts_are_embedded_once_and_new_ones_are_encoded(letters, tiny, small, tmp_path, capsys):
    run = str(tmp_path / "run")
    # `small` is pairs of --set and a setting; those of another text backbone, which counts words, do not fit.
    others = ("towers.text", "data.vocabulary")
    own = [x for pair in zip(small[::2], small[1::2], strict=True) if not pair[1].startswith(others) for x in pair]
    argv = ["train", "--data", str(tiny), "--text", "letters:abcdeglnrut", "--no-freeze-backbone", "--epochs", "2"]
    own += ["--set", "towers.text.words=false"]
    assert main([*argv, "--weights", "none", "--out", run, "-q", *own]) == 0
    assert len(letters) == 48
    assert "thing" in letters[1]
    assert main(["encode", run, "-q"]) == 0
    assert len(letters) == 48
    (tmp_path / "new.txt").write_text("a red thing\n")
    capsys.readouterr()
    assert main(["encode", run, "--texts", str(tmp_path / "new.txt"), "--out", str(tmp_path / "one"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["items"] == 1
    assert letters[48:] == ["a red thing"]
    assert not (tmp_path / "run" / "vocabulary.json").exists()


def test_the_kit_tries_backbones_that_read_strings(letters):
    assert_conforms("backbone", "letters")


def test_each_of_several_texts_is_embedded_once(letters, tiny, small, tmp_path):
    folder = tmp_path / "data"
    with zipfile.ZipFile(tiny) as archive:
        archive.extractall(folder)
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    said = [[row.pop("text"), f"seen {i}"] if i % 2 else [row.pop("text")] for i, row in enumerate(rows)]
    lines = [json.dumps(row | {"texts": texts}) for row, texts in zip(rows, said, strict=True)]
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    run = str(tmp_path / "run")
    others = ("towers.text", "data.vocabulary")
    own = [x for pair in zip(small[::2], small[1::2], strict=True) if not pair[1].startswith(others) for x in pair]
    argv = ["train", "--data", str(folder), "--text", "letters:abcdeglnrut", "--epochs", "2", "--out", run, "-q", *own]
    argv += ["--weights", "none", "--no-freeze-backbone"]
    assert main(argv) == 0
    every = [text for texts in said for text in texts]
    assert letters == every
    assert main(["encode", run, "-q"]) == 0
    codes = load(tmp_path / "run" / "codes" / "text.safetensors")
    assert len(letters) == len(codes) == len(every) == 72
