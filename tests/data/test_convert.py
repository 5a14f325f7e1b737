"""Every layout becomes our own, and says the same there."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from miniatures import MINIATURES, SIZE, native, picture, webdataset

from crossmodal_hash.callbacks import Callback
from crossmodal_hash.cli.main import main
from crossmodal_hash.data.quality import without_bad, without_damaged
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.data.write import write_native
from crossmodal_hash.errors import DataError, SettingsError
from crossmodal_hash.opening.open import open_data
from crossmodal_hash.opening.recognize import load_data


def same(one, other):
    """Whether two data sets hold the same items, classes and division."""
    assert one.label_names == other.label_names
    assert np.array_equal(one.labels, other.labels)
    for name, source in one.modalities.items():
        theirs = other.modalities[name]
        assert source.kind == theirs.kind
        if source.kind == "image":
            assert [source.content(row) for row in range(SIZE)] == [theirs.content(row) for row in range(SIZE)]
        elif source.kind == "text":
            assert source.items == theirs.items
        else:
            assert np.array_equal(source.dense(range(SIZE)), theirs.dense(range(SIZE)))


@pytest.mark.parametrize("name", list(MINIATURES))
def test_every_layout_is_recognized_and_survives_data_convert(tmp_path, name, capsys):
    pytest.importorskip({"parquet": "pyarrow", "huggingface": "datasets"}.get(name, "numpy"))
    path = tmp_path / "theirs"
    path.mkdir()
    path = MINIATURES[name](path)
    out = tmp_path / "ours"
    assert main(["data", "convert", str(path), str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"out": str(out), "format": "folder", "reader": name, "items": SIZE}
    one, other = load_data(path), load_data(out)
    same(one, other)
    if one.split_rows is not None:
        split = json.loads((out / "split.json").read_text())
        for part, rows in one.split_rows.items():
            assert split[part] == [other.ids[row] for row in rows]


def test_a_modality_that_the_layout_cannot_hold_is_refused(tmp_path):
    data = load_data(native(tmp_path / "data"))
    more = replace(data, modalities={**data.modalities, "title": data.modalities["text"]})
    with pytest.raises(DataError, match="has the modality 'title'; this layout holds image and text alone"):
        write_native(more, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_an_archive_is_written_by_the_end_of_its_name(tmp_path, form, capsys):
    path = webdataset(tmp_path)
    out = tmp_path / "out" / f"ours.{form}"
    assert main(["data", "convert", str(path), str(out), "-q"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    same(load_data(path), load_data(out))
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def test_a_damaged_picture_is_refused_or_left_out_by_name(tmp_path, capsys):
    folder = native(tmp_path / "theirs")
    (folder / "images" / "3.jpg").write_bytes(picture(3)[:200])
    (folder / "images" / "5.jpg").unlink()
    out = tmp_path / "out" / "ours"
    assert main(["data", "convert", str(folder), str(out)]) == 2
    assert "1 of 24 pictures" in capsys.readouterr().err
    (folder / "images" / "5.jpg").write_bytes(b"nothing")
    assert main(["data", "convert", str(folder), str(out)]) == 2
    assert "cannot decode picture 'images/3.jpg'" in capsys.readouterr().err
    assert list(out.parent.iterdir()) == []
    assert main(["data", "convert", str(folder), str(out), "--skip-bad"]) == 0
    assert "2 of 24 items are left out, because their pictures cannot be read: 'images/3.jpg', 'images/5.jpg'" in (
        capsys.readouterr().err
    )
    data = load_data(out)
    assert len(data) == SIZE - 2
    assert "images/3.jpg" not in data.ids


def test_an_item_without_text_is_refused_or_left_out_by_name_and_counted_apart(tmp_path, capsys):
    folder = native(tmp_path / "theirs")
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    lines[2]["text"], lines[4]["text"] = None, " "
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "images" / "3.jpg").write_bytes(b"")
    out = tmp_path / "ours"
    assert main(["data", "convert", str(folder), str(out)]) == 2
    assert "have no text ('line 3', 'line 5'); fill them, or leave them out with --skip-bad" in capsys.readouterr().err
    assert main(["data", "convert", str(folder), str(out), "--skip-bad"]) == 0
    said = capsys.readouterr().err
    assert "2 of 24 items are left out, because they have no text: 'images/2.jpg', 'images/4.jpg'" in said
    assert "1 of 22 items are left out, because their pictures cannot be read: 'images/3.jpg'" in said
    left = [f"images/{i}.jpg" for i in range(SIZE) if i not in (2, 3, 4)]
    assert list(load_data(out).ids) == left
    heard = []
    assert list(open_data(str(folder), skip_bad=True, callback=Hears(heard)).ids) == left
    assert len(heard) == 2


class Hears(Callback):
    def __init__(self, heard):
        self.heard = heard

    def on_note(self, text):
        self.heard.append(text)


def test_where_no_item_has_a_text_nothing_is_left(tmp_path):
    data = load_data(native(tmp_path))
    blank = replace(data, modalities=data.modalities | {"text": Texts((" ",) * SIZE)})
    with pytest.raises(DataError, match=r"none of the 24 items of .* has a text"):
        without_bad(blank)


def test_nothing_is_written_over_or_misnamed(tmp_path, capsys):
    folder = native(tmp_path / "theirs")
    assert main(["data", "convert", str(folder), str(folder)]) == 2
    assert "already exists" in capsys.readouterr().err
    for name in ("x.zap", "x.tgz", "x.tar.gz"):
        assert main(["data", "convert", str(folder), str(tmp_path / name)]) == 2
        assert "use .zip or .tar, or give --format folder" in capsys.readouterr().err
        assert not (tmp_path / name).exists()
    assert main(["data", "convert", str(folder), str(tmp_path / "v1.2"), "--format", "folder", "-q"]) == 0
    assert main(["data", "convert", str(folder), str(tmp_path / "x"), "--format", "zip"]) == 2
    assert "does not end in .zip" in capsys.readouterr().err
    assert main(["data", "convert", str(folder), str(tmp_path / "x"), "--format", "rar"]) == 2
    assert "choose folder, zip or tar" in capsys.readouterr().err
    matrices = tmp_path / "matrices"
    matrices.mkdir()
    data = load_data(MINIATURES["matrices"](matrices))
    with pytest.raises(SettingsError, match="holds a matrix, which cannot be read from a tar"):
        write_native(data, tmp_path / "x.tar", "tar")
    with pytest.raises(DataError, match="pictures and texts are needed"):
        write_native(load_data(folder).take([0]).__class__("x", ("a",), {}), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_pictures_without_a_name_get_one_by_their_format(tmp_path):
    folder = native(tmp_path / "theirs")
    data = load_data(folder)
    nameless = data.__class__("x", tuple(map(str, range(SIZE))), data.modalities, data.labels, data.label_names)
    write_native(nameless, tmp_path / "x.zip", "zip")
    assert zipfile.ZipFile(tmp_path / "x.zip").namelist()[:2] == ["images/0000000.jpg", "images/0000001.jpg"]
    same(data, load_data(tmp_path / "x.zip"))


def test_where_no_picture_can_be_read_nothing_is_left(tmp_path):
    folder = native(tmp_path)
    for path in (folder / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"none of the 24 pictures of .* can be read: cannot decode"):
        without_damaged(load_data(folder))
