"""What a modality is made of: N items of one kind, read when they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

Rows = Sequence[int] | NDArray[np.integer]


@dataclass(frozen=True)
class View:
    """How items are read for a network; a source uses what means something to its kind.

    Attributes:
        size: side of pictures in pixels, > 0.
        augment: (seed, epoch), both >= 0, for random views; none for whole items.
        mirrored: whether pictures are seen in a mirror.
        workers: processes that read; none: the source decides.
        pin_memory: whether batches lie in pinned memory, for copying to a GPU.
    """

    size: int = 224
    augment: tuple[int, int] | None = None
    mirrored: bool = False
    workers: int | None = None
    pin_memory: bool = False


class Source(ABC):
    """N items of one kind: pictures, texts, rows of numbers, or another kind that one file adds.

    A subclass says what a backbone may read of it; everything between a reader and a tower goes through this class.
    """

    kind: ClassVar[str]
    """One word for the kind, such as `image`."""
    things: ClassVar[str]
    """Its items, for messages: `pictures`."""
    feeds: ClassVar[frozenset[str]]
    """What it can be to a backbone: values of `Backbone.reads`."""
    mirrors: ClassVar[bool] = False
    """Whether an item seen in a mirror is another view of the same thing."""

    @abstractmethod
    def __len__(self) -> int:
        """N."""

    @property
    def width(self) -> int:
        """Values of an item, for `Backbone.setup`: colors, or columns; 0 where there is no such number."""
        return 0

    @abstractmethod
    def take(self, rows: Rows) -> Source:
        """The items at `rows` (M,), in that order."""

    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 over all that the items are."""

    @abstractmethod
    def content(self, row: int) -> bytes:
        """What one item is: two items with the same bytes are the same thing."""

    @abstractmethod
    def batches(self, plan: Sequence[NDArray[np.integer]], view: View) -> Iterator[Any]:
        """What a backbone that reads this kind is given, for each entry (B,) of `plan`, in order.

        Raises:
            DataError: for an item that cannot be read.
        """

    def text(self, row: int) -> str | None:
        """The words of an item, to show to people; none if it has none."""
        return None

    def picture(self, row: int, side: int) -> Image.Image | None:
        """A picture of an item, whose sides are at least `side` pixels where it is that large; none if it has none."""
        return None
