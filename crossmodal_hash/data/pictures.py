"""Pictures of a data set, decoded when asked for."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from crossmodal_hash.data.files import Files
from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.data.loader import picture_batches
from crossmodal_hash.data.source import Rows, Source, View
from crossmodal_hash.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
MAX_PIXELS = 89_478_485
"""Pillow's own threshold: a quarter of a GiB at three bytes a pixel. A few kilobytes can decode to far more."""

# Named, because the decoders Pillow would otherwise try include one that runs Ghostscript.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# What Pillow's decoders let through for files that are cut short or damaged.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def decode(content: bytes, *, side: int | None = None, limit: int | None = None) -> Image.Image:
    """A picture file as RGB, upright, on white where it is transparent.

    Args:
        content: a file in one of the formats BMP, GIF (first frame), JPEG, PNG, PPM, TIFF, WebP.
        side: pixels, > 0; a JPEG may then come out smaller, by a factor of 2, 4 or 8, while both sides stay at least
            this long. Decoding small is several times faster.
        limit: pixels; MAX_PIXELS if not given.

    Raises:
        ValueError: if it has more pixels than `limit`.
        OSError: or another of Pillow's errors, if the content is damaged; `Pictures.read` turns them into one sentence.
    """
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        limit = MAX_PIXELS if limit is None else limit
        if image.width * image.height > limit:
            raise ValueError(f"{image.width} x {image.height} pixels, the limit is {limit} in all")
        if side:
            image.draft("RGB", (side, side))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode.startswith("I"):
            # 16 bits a pixel; Pillow's own conversion would cut everything above 255.
            return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            paint = image.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", paint.size, "white"), paint).convert("RGB")
        return image.convert("RGB")


class Pictures(Source):
    """N pictures in a folder or archive; nothing is decoded before `read`. Safe in forked and spawned workers.

    Attributes:
        files: where they lie.
        names: N names in `files`.
    """

    kind = "image"
    things = "pictures"
    feeds = frozenset({"image"})
    mirrors = True

    def __init__(self, files: Files, names: Sequence[str]) -> None:
        self.files, self.names = files, tuple(names)
        self._fingerprint: str | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def width(self) -> int:
        """3, the colors."""
        return 3

    def content(self, row: int) -> bytes:
        """The file as it is stored."""
        return self.files.read(self.names[row])

    def read(self, row: int, *, side: int | None = None) -> Image.Image:
        """One picture as RGB, upright, on white where it is transparent.

        Args:
            row: 0 to N - 1.
            side: pixels; allows a JPEG to be decoded smaller while both sides stay at least this long.

        Raises:
            DataError: if the file is damaged, in an unknown format or too large; names the file.
        """
        return self.decode(row, self.content(row), side=side)

    def decode(self, row: int, content: bytes, *, side: int | None = None) -> Image.Image:
        """What `read` returns, from the content of the file that was read before."""
        try:
            return decode(content, side=side)
        except _DAMAGED as error:
            # Pillow names the buffer it was given, which tells nobody anything.
            reason = "no known format" if isinstance(error, UnidentifiedImageError) else error
            raise DataError(
                f"cannot decode picture {self.names[row]!r} in {str(self.files.path)!r} ({reason}); "
                f"replace the file, or leave its item out with --skip-bad"
            ) from error

    def batches(self, plan: Sequence[NDArray[np.integer]], view: View) -> Iterator[Tensor]:
        """uint8 (B, 3, size, size) for each entry of `plan`."""
        batches = picture_batches(
            self, plan, view.size, augment=view.augment, workers=view.workers, pin_memory=view.pin_memory
        )
        return (x.flip(-1) for x in batches) if view.mirrored else batches

    def picture(self, row: int, side: int) -> Image.Image:
        """The picture, perhaps decoded smaller while both sides stay at least `side` pixels."""
        return self.read(row, side=side)

    def take(self, rows: Rows) -> Pictures:
        """The pictures at `rows` (M,), in that order."""
        return Pictures(self.files, [self.names[row] for row in rows])

    def fingerprint(self) -> str:
        """SHA-256 over names and contents; the same for a folder and an archive of it. Reads every file once."""
        if self._fingerprint is None:
            self._fingerprint = digest(
                part for row, name in enumerate(self.names) for part in (name.encode(), self.content(row))
            )
        return self._fingerprint


def first(names: Iterable[str], limit: int = 3) -> str:
    """The first few names for a message.

    Example:
        >>> first(["a", "b", "c", "d"])
        "'a', 'b', 'c', ..."
    """
    shown = list(names)
    return ", ".join(repr(name) for name in shown[:limit]) + (", ..." if len(shown) > limit else "")
