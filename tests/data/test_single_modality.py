import io
import zipfile

import pytest

from crossmodal_hash.data import load_pictures, load_texts
from crossmodal_hash.errors import DataError


def test_a_folder_of_pictures_is_read_with_everything_below_it_in_order(write, contents):
    folder = write(
        contents | {"z.JPG": contents["images/b.jpg"], ".thumb.png": b"", "images/.x/y.png": b"", "readme.txt": b""}
    )
    data = load_pictures(folder)
    assert data.ids == ("images/a.png", "images/b.jpg", "images/c.webp", "z.JPG")
    assert data.labels is None
    assert data.modalities["image"].read(0).getpixel((0, 0)) == (255, 0, 0)


def test_one_picture_or_an_archive_of_pictures_will_do(write, contents):
    folder = write(contents)
    one = load_pictures(folder / "images" / "a.png")
    assert (one.ids, one.name) == (("a.png",), "a")
    assert one.modalities["image"].read(0).size == (20, 12)
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        archive.writestr("b.jpg", contents["images/b.jpg"])
        archive.writestr("__MACOSX/._b.jpg", b"")
    assert load_pictures(folder / "x.zip").ids == ("b.jpg",)


def test_what_holds_no_pictures_is_refused(write, tmp_path):
    with pytest.raises(DataError, match=r"holds no pictures; the formats are .bmp"):
        load_pictures(write({"a.txt": b""}))
    with pytest.raises(DataError, match="does not have a suffix of a picture"):
        load_pictures(tmp_path / "toy" / "a.txt")
    with pytest.raises(DataError, match=r"does not exist; give a picture, a folder or an archive \(.tar, "):
        load_pictures(tmp_path / "none")


def test_texts_are_the_lines_of_a_file(tmp_path):
    (tmp_path / "q.txt").write_bytes("\ufeffa red bus\r\n\r\nein B\u00e4r\n".encode())
    data = load_texts(tmp_path / "q.txt")
    assert data.modalities["text"].items == ("a red bus", "", "ein B\u00e4r")
    assert (data.ids, data.name) == (("0", "1", "2"), "q")


def test_texts_come_from_standard_input_or_a_stream(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("a cat\n"))
    assert load_texts("-").modalities["text"].items == ("a cat",)
    assert load_texts(io.StringIO("a\nb")).modalities["text"].items == ("a", "b")


def test_texts_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"cannot read '.*none.txt' \(No such file"):
        load_texts(tmp_path / "none.txt")
    with pytest.raises(DataError, match="the stream holds no text"):
        load_texts(io.StringIO(" \n\n"))
    (tmp_path / "latin.txt").write_bytes(b"B\xe4r")
    with pytest.raises(DataError, match=r"latin.txt' is not UTF-8 \(byte 1\)"):
        load_texts(tmp_path / "latin.txt")
