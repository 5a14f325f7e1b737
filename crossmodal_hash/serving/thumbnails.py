"""Small pictures of items, made again from what they show, and kept as long as there is room."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict

from PIL import Image

from crossmodal_hash.serving.library import Library

SIDE = 360
"""Pixels of the longer side: twice what a place of the page's grid has, for screens with small pixels."""
TYPE = "image/webp"


class Thumbnails:
    """Pictures of items as WebP. The file itself is never passed on: it may hold what its picture does not show.

    Args:
        library: whose items.
        room: bytes that are kept; those that were not asked for longest go first.
    """

    def __init__(self, library: Library, room: int) -> None:
        self._library, self._room = library, room
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.size = self.hits = self.misses = 0

    def get(self, item: str) -> bytes | None:
        """The picture of an item; None if it has none.

        Raises:
            DataError: if it cannot be read.
        """
        # A source need not be safe in several threads.
        with self._lock:
            if item in self._kept:
                self._kept.move_to_end(item)
                self.hits += 1
                return self._kept[item]
            self.misses += 1
            picture = self._library.picture(item, SIDE)
            if picture is None:
                return None
            made = shrink(picture)
            self._kept[item] = made
            self.size += len(made)
            while self.size > self._room:
                self.size -= len(self._kept.popitem(last=False)[1])
            return made


def shrink(picture: Image.Image, side: int = SIDE) -> bytes:
    """A picture as WebP whose longer side has at most `side` pixels, without anything but its pixels.

    Example:
        >>> made = Image.open(io.BytesIO(shrink(Image.new("RGB", (720, 90)))))
        >>> made.format, made.size
        ('WEBP', (360, 45))
    """
    small = picture.convert("RGB")
    small.thumbnail((side, side))
    file = io.BytesIO()
    # The pixels alone: Pillow would pass on what it knows of the file, such as where a photograph was taken.
    Image.frombytes("RGB", small.size, small.tobytes()).save(file, "WEBP", quality=85, method=2)
    return file.getvalue()
