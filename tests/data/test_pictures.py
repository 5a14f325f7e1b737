import io
import zlib

import numpy as np
import pytest
from PIL import Image

from crossmodal_hash.data import pictures as pictures_module
from crossmodal_hash.data.files import Folder
from crossmodal_hash.data.pictures import Pictures, decode
from crossmodal_hash.errors import DataError


def save(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def three(write, contents):
    folder = write(contents)
    return Pictures(Folder(folder), [name for name in contents if name.startswith("images/")])


def test_pictures_are_read_as_rgb(three):
    assert len(three) == 3
    assert [three.read(i).mode for i in range(3)] == ["RGB"] * 3
    assert three.read(0).getpixel((0, 0)) == (255, 0, 0)
    assert three.content(0)[:4] == b"\x89PNG"


def test_taking_rows_keeps_their_order(three):
    assert three.take(np.array([2, 0])).names == ("images/c.webp", "images/a.png")


def test_a_transparent_picture_lies_on_white():
    assert decode(save(Image.new("RGBA", (2, 2), (255, 0, 0, 0)), "PNG")).getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([255, 0, 0])
    assert decode(save(palette, "PNG", transparency=0)).getpixel((0, 0)) == (255, 255, 255)


def test_a_photograph_taken_sideways_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(save(Image.new("RGB", (40, 20)), "JPEG", exif=exif)).size == (20, 40)


def test_sixteen_bit_gray_keeps_its_brightness():
    gray = Image.fromarray(np.full((2, 2), 0x80FF, dtype=np.uint16))
    assert decode(save(gray, "PNG")).getpixel((0, 0)) == (0x80, 0x80, 0x80)


def test_a_jpeg_may_be_decoded_small_but_not_smaller_than_asked():
    content = save(Image.new("RGB", (400, 200)), "JPEG")
    assert decode(content, side=50).size == (100, 50)
    assert decode(content, side=60).size == (200, 100)
    assert decode(content).size == (400, 200)


def test_the_fingerprint_depends_on_names_contents_and_order_only(three, write, contents):
    again = Pictures(Folder(write(contents, "copy")), three.names)
    assert again.fingerprint() == three.fingerprint()
    assert three.take([1, 0, 2]).fingerprint() != three.fingerprint()
    other = dict(contents) | {"images/a.png": contents["images/b.jpg"]}
    assert Pictures(Folder(write(other, "other")), three.names).fingerprint() != three.fingerprint()


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "svg"])
def test_a_damaged_picture_is_named(write, damage):
    rng = np.random.default_rng(0)
    whole = save(Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")
    content = {"empty": b"", "cut": whole[: len(whole) // 2], "text": b"hello", "svg": b"<svg/>"}[damage]
    pictures = Pictures(Folder(write({"a.jpg": content})), ["a.jpg"])
    with pytest.raises(DataError, match=r"cannot decode picture 'a.jpg' in '.*toy' \(.*\); replace"):
        pictures.read(0)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG"])
def test_a_picture_cut_or_damaged_anywhere_gives_a_sentence_and_never_another_error(write, kind):
    rng = np.random.default_rng(1)
    whole = save(Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)), kind)
    bad = {f"cut{n}": whole[:n] for n in range(0, len(whole), max(1, len(whole) // 40))}
    for n in range(60):
        flipped = bytearray(whole)
        flipped[int(rng.integers(min(len(whole), 120)))] ^= int(rng.integers(1, 256))
        bad[f"flip{n}"] = bytes(flipped)
    pictures = Pictures(Folder(write(bad)), list(bad))
    refused = 0
    for row in range(len(pictures)):
        try:
            pictures.read(row)
        except DataError:
            refused += 1
    assert refused > 10


def test_a_picture_of_too_many_pixels_is_refused(three, monkeypatch):
    monkeypatch.setattr(pictures_module, "MAX_PIXELS", 239)
    with pytest.raises(DataError, match="20 x 12 pixels, the limit is 239"):
        three.read(0)


def test_a_decompression_bomb_is_refused(write):
    # A PNG header that promises 30000 x 30000 pixels; Pillow itself stops at twice our limit.
    bomb = bytearray(save(Image.new("1", (8, 8)), "PNG"))
    bomb[16:24] = (30000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    with pytest.raises(DataError, match="cannot decode"):
        Pictures(Folder(write({"bomb.png": bytes(bomb)})), ["bomb.png"]).read(0)
