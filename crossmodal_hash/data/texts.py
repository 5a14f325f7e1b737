"""Texts of a data set, as they were written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.data.source import Rows, Source, View


@dataclass(frozen=True)
class Texts(Source):
    """N texts as they were written.

    A backbone that reads words has them counted first, by the vocabulary of the training texts.

    Attributes:
        items: N texts.
    """

    items: tuple[str, ...]

    kind = "text"
    things = "texts"
    feeds = frozenset({"string"})

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: Rows) -> Texts:
        """The texts at `rows` (M,), in that order."""
        return Texts(tuple(self.items[row] for row in rows))

    def fingerprint(self) -> str:
        """SHA-256 over the texts in order."""
        return digest(self.content(row) for row in range(len(self)))

    def content(self, row: int) -> bytes:
        """The text as UTF-8; half characters, which some files hold, are kept."""
        return self.items[row].encode("utf-8", "surrogatepass")

    def batches(self, plan: Sequence[NDArray[np.integer]], view: View) -> Iterator[list[str]]:
        """B texts for each entry of `plan`."""
        return ([self.items[row] for row in rows] for rows in plan)

    def text(self, row: int) -> str:
        """The text."""
        return self.items[row]
