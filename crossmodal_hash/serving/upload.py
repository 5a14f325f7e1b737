"""A picture that a client sends: from bytes that may be anything to what a tower reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from crossmodal_hash.data import Source, View
from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.data.pictures import decode
from crossmodal_hash.data.source import Rows
from crossmodal_hash.data.transforms import fit_square
from crossmodal_hash.serving.request_error import RequestError

Square = NDArray[np.uint8]
"""A picture as a tower reads it, uint8 (3, size, size)."""


def square(content: bytes, size: int, pixels: int) -> Square:
    """What `Pictures.batches` gives for a file with this content.

    Args:
        content: anything.
        size: side in pixels, > 0.
        pixels: more are refused before they are decoded.

    Raises:
        RequestError: if it is no picture that can be read.
    """
    try:
        return fit_square(decode(content, side=size, limit=pixels), size)
    except Image.DecompressionBombError:
        raise RequestError(413, f"the picture has more than {pixels} pixels; make it smaller") from None
    except ValueError as error:
        if "the limit is" in str(error):
            raise RequestError(413, f"the picture has {error}; make it smaller") from None
        raise _unreadable() from None
    except Exception:
        # Decoders of many formats, with bytes from anybody: whatever they raise, the picture cannot be read.
        raise _unreadable() from None


def _unreadable() -> RequestError:
    return RequestError(422, "the picture cannot be read; send a BMP, GIF, JPEG, PNG, PPM, TIFF or WebP file")


class Squares(Source):
    """N pictures that were decoded before, as `square` returns them.

    Args:
        squares: N of one size.
    """

    kind = "image"
    things = "pictures"
    feeds = frozenset({"image"})

    def __init__(self, squares: Sequence[Square]) -> None:
        self.squares = tuple(squares)

    def __len__(self) -> int:
        return len(self.squares)

    @property
    def width(self) -> int:
        """3, the colors."""
        return 3

    def take(self, rows: Rows) -> Squares:
        """The pictures at `rows` (M,), in that order."""
        return Squares([self.squares[int(row)] for row in rows])

    def fingerprint(self) -> str:
        """SHA-256 over the pixels."""
        return digest(map(self.content, range(len(self))))

    def content(self, row: int) -> bytes:
        """The pixels."""
        return self.squares[row].tobytes()

    def batches(self, plan: Sequence[NDArray[np.integer]], view: View) -> Iterator[Tensor]:
        """uint8 (B, 3, size, size) for each entry of `plan`."""
        return (torch.from_numpy(np.stack([self.squares[int(row)] for row in rows])) for rows in plan)
