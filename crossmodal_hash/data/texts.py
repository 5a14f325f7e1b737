"""Texts of a data set, as they were written."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.data.source import Rows, Source, View


class TextSource(Source):
    """N items of one or more texts each: `Texts` or `Captions`.

    What looks at texts goes through the three members below, so that it need not know how many an item has.
    """

    kind = "text"
    things = "texts"
    feeds = frozenset({"string"})

    @property
    @abstractmethod
    def every(self) -> Texts:
        """All T texts, those of an item one after another, in the order of the items."""

    @property
    @abstractmethod
    def owners(self) -> NDArray[np.int64]:
        """The item of each text, (T,), ascending; every item has at least one."""

    def said(self, row: int) -> tuple[str, ...]:
        """The texts of one item."""
        first, last = np.searchsorted(self.owners, (row, row + 1))
        return self.every.items[first:last]

    def blank(self) -> list[int]:
        """The items none of whose texts has a character that can be seen."""
        seen = np.zeros(len(self), bool)
        seen[self.owners[[bool(text.strip()) for text in self.every.items]]] = True
        return [int(row) for row in np.flatnonzero(~seen)]


@dataclass(frozen=True)
class Texts(TextSource):
    """N texts as they were written, one an item.

    A backbone that reads words has them counted first, by the vocabulary of the training texts.

    Attributes:
        items: N texts.
    """

    items: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def every(self) -> Texts:
        """Itself."""
        return self

    @property
    def owners(self) -> NDArray[np.int64]:
        """0 to N - 1."""
        return np.arange(len(self.items))

    def said(self, row: int) -> tuple[str, ...]:
        """The only text of an item."""
        return (self.items[row],)

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
