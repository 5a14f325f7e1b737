"""The registry of readers: how a layout is recognized, named, and refused."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.components import READERS
from crossmodal_hash.data import Dataset, Match, Reader, Texts
from crossmodal_hash.data.location import Place
from crossmodal_hash.errors import BrokenPluginError, DataError, SettingsError, UnknownComponentError
from crossmodal_hash.opening.recognize import load_data, recognize
from crossmodal_hash.settings.flags import parse_part


class Lines(Reader):
    """Texts alone, one a line, for the tests."""

    def __init__(self, *, match=Match.LIKELY, blank=False):
        self.match, self.blank = match, blank

    def matches(self, place):
        return self.match if place.path.suffix == ".lines" else Match.NO

    def read(self, place, needs):
        lines = tuple(place.path.read_text().splitlines()) + (("",) if self.blank else ())
        return Dataset(place.name, tuple(map(str, range(len(lines)))), {"text": Texts(lines)}, notes=("read by lines",))


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "x.lines"
    path.write_text("a bus\na cat\n")
    return path


@pytest.fixture
def registered(monkeypatch):
    """Register a class of this file under names."""

    def register(*names):
        monkeypatch.setattr(READERS, "builtin", READERS.builtin | dict.fromkeys(names, "lines_reader:Lines"))
        monkeypatch.setitem(sys.modules, "lines_reader", SimpleNamespace(Lines=Lines))

    return register


def test_the_native_layout_and_matrices_are_recognized(write, contents, tmp_path, matrices):
    assert type(recognize(Place(write(contents)))).__name__ == "Native"
    np.savez(tmp_path / "x.npz", XAll=matrices[0], YAll=matrices[1], LAll=matrices[2])
    assert type(recognize(Place(tmp_path / "x.npz"))).__name__ == "Matrices"


def test_a_reader_can_be_named_or_made(lines, registered):
    assert len(load_data(lines, reader=Lines(), need_labels=False)) == 2
    registered("lines")
    assert load_data(lines, reader="lines", need_labels=False).notes == ("read by lines",)
    assert load_data(lines, need_labels=False).modalities["text"].items == ("a bus", "a cat")


def test_a_reader_that_does_not_fit_says_so(write, contents, tmp_path):
    with pytest.raises(DataError, match="has no files of matrices"):
        load_data(write(contents), reader="matrices")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_text("mine")
    with pytest.raises(DataError, match=r"has neither metadata.jsonl nor metadata.csv; choose another --reader"):
        load_data(tmp_path / "other", reader="native")
    with pytest.raises(UnknownComponentError, match=r"unknown reader 'natve' \(did you mean 'native'\?"):
        load_data(write(contents), reader="natve")
    with pytest.raises(SettingsError, match="reader 'native' has nothing to read"):
        load_data(reader="native")


def test_two_readers_that_are_equally_sure_are_refused(lines, registered):
    registered("lines", "rows")
    with pytest.raises(DataError, match="can be read by lines and rows; choose one with --reader NAME"):
        load_data(lines)


def test_the_surer_reader_wins(write, contents, matrices):
    folder = write(contents)
    np.savez(folder / "x.npz", XAll=matrices[0], YAll=matrices[1], LAll=matrices[2])
    assert type(recognize(Place(folder))).__name__ == "Native"


def test_a_broken_plug_in_does_not_stand_in_the_way(write, matrices, monkeypatch):
    folder = write({"a.txt": b""})
    np.savez(folder / "x.npz", XAll=matrices[0], YAll=matrices[1], LAll=matrices[2])
    make = READERS.make

    def broken(name, **params):
        if name == "native":
            raise BrokenPluginError("reader 'native' of somebody cannot be loaded")
        return make(name, **params)

    monkeypatch.setattr(READERS, "make", broken)
    with pytest.warns(UserWarning, match="somebody cannot be loaded"):
        assert len(load_data(folder)) == 6


def test_what_a_reader_left_out_is_refused_for_every_layout(lines):
    with pytest.raises(DataError, match="'x' has no labels on any of its 2 items"):
        load_data(lines, reader=Lines())
    with pytest.raises(DataError, match=r"1 of 3 items of 'x' have no text \('2'\)"):
        load_data(lines, reader=Lines(blank=True), need_labels=False)
    assert len(load_data(lines, reader=Lines(blank=True), need_labels=False, need_texts=False)) == 3


def test_a_reader_and_its_parameters_are_parsed():
    assert parse_part("nuswide, classes=10, tags=1k") == {"name": "nuswide", "classes": 10, "tags": "1k"}
    with pytest.raises(SettingsError, match=r"'nuswide,10' is not NAME or NAME,KEY=VALUE,...: '10' is not KEY=VALUE"):
        parse_part("nuswide,10")


def test_the_reader_is_a_setting_of_the_run_and_reopens_the_data(tmp_path, tiny, small, capsys):
    run = tmp_path / "run"
    argv = ["train", "--data", str(tiny), "--reader", "native", "--out", str(run), "--epochs", "1", "--bits", "8"]
    assert main([*argv, "-q", *small]) == 0
    assert main(["config", "show", str(run)]) == 0
    assert "data.reader.name\tnative\t--reader" in capsys.readouterr().out
    assert main(["encode", str(run), "-q"]) == 0
    assert main(["encode", str(run), "--data", str(tiny), "--reader", "native", "--out", str(tmp_path / "o")]) == 0
    capsys.readouterr()
    assert main(["encode", str(run), "--reader", "native"]) == 2
    assert "--reader native is for other data than the run's" in capsys.readouterr().err
    assert main([*argv[:3], "--reader", "coca", "--dry-run"]) == 2
    assert "unknown reader 'coca'" in capsys.readouterr().err
    assert main([*argv[:3], "--reader", "native,size=3", "--dry-run"]) == 2
    assert "reader 'native' has no parameter 'size'" in capsys.readouterr().err
