"""Several texts to an item, such as the five captions of a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.data.source import Rows, Source, View
from crossmodal_hash.data.texts import Texts, TextSource
from crossmodal_hash.errors import DataError

CHOICES = ("each", "joined", "first")
JOINED = ("joined", "all")
"""`all` is the older name, which runs have stored."""


@dataclass(frozen=True, eq=False)
class Captions(TextSource):
    """N items with one or more texts each.

    Training draws one of an item's texts every epoch, encoding gives every text a code, and in scores every text is a
    query or an item of its own.

    Attributes:
        texts: all T texts, those of an item one after another.
        counts: number of texts of each item, (N,), each at least 1, T in all.

    Raises:
        DataError: if the counts do not fit the texts.

    Example:
        >>> captions = Captions(Texts(("a red bus", "a bus in the rain", "a cat")), (2, 1))
        >>> len(captions), captions.said(0), captions.owners.tolist()
        (2, ('a red bus', 'a bus in the rain'), [0, 0, 1])
    """

    texts: Texts
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if sum(self.counts) != len(self.texts) or min(self.counts, default=1) < 1:
            raise DataError(
                f"{len(self.counts)} counts from {min(self.counts, default=1)} on with the sum {sum(self.counts)} do "
                f"not divide {len(self.texts)} texts; give each item its number of texts, at least 1"
            )
        object.__setattr__(self, "_starts", np.cumsum([0, *self.counts], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def every(self) -> Texts:
        """All T texts in the order of the items."""
        return self.texts

    @property
    def owners(self) -> NDArray[np.int64]:
        """The item of each text, (T,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    def said(self, row: int) -> tuple[str, ...]:
        """The texts of one item."""
        starts: NDArray[np.int64] = self._starts  # type: ignore[attr-defined]
        return self.texts.items[starts[row] : starts[row + 1]]

    def take(self, rows: Rows) -> Captions:
        """The items at `rows` (M,), in that order, with all their texts."""
        chosen = [self.said(int(row)) for row in rows]
        return Captions(Texts(tuple(text for texts in chosen for text in texts)), tuple(map(len, chosen)))

    def fingerprint(self) -> str:
        """SHA-256 over the texts of every item in order; the same texts divided otherwise give another one."""
        return digest(self.content(row) for row in range(len(self)))

    def content(self, row: int) -> bytes:
        """All texts of the item as UTF-8, each after its length."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in self.said(row)]
        return b"".join(len(text).to_bytes(8, "little") + text for text in encoded)

    def batches(self, plan: Sequence[NDArray[np.integer]], view: View) -> Iterator[list[str]]:
        """The first text of B items for each entry of `plan`; which text is used otherwise is for training to say."""
        return ([self.said(int(row))[0] for row in rows] for rows in plan)

    def text(self, row: int) -> str:
        """All texts of the item, one a line."""
        return "\n".join(self.said(row))


def one_or_several(rows: Sequence[Sequence[str]]) -> TextSource:
    """The texts of N items: `Texts` where no item has more than one, so that such data stay what they were.

    A blank text is left out beside others, and an item without any has one empty text, which is then found missing.

    Example:
        >>> one_or_several([["a bus"], []]).every.items, one_or_several([["a bus", " ", "a red bus"], []]).every.items
        (('a bus', ''), ('a bus', 'a red bus', ''))
    """
    kept = [tuple(text for text in row if text.strip()) or tuple(row[:1]) or ("",) for row in rows]
    every = Texts(tuple(text for row in kept for text in row))
    return every if len(every) == len(kept) else Captions(every, tuple(map(len, kept)))


def choose(texts: Sequence[str], choice: str | int) -> list[str]:
    r"""Those of an item's texts that a reader is asked for.

    Args:
        texts: all of them.
        choice: `each` for every one as a text of its own, `joined` for one text with a line for each, `first`, or a
            number: at most so many, from the first on.

    Raises:
        DataError: for another choice.

    Example:
        >>> [choose(["a bus", "a red bus", "it rains"], choice) for choice in ("joined", "first", 2)]
        [['a bus\na red bus\nit rains'], ['a bus'], ['a bus', 'a red bus']]
    """
    if isinstance(choice, int) and not isinstance(choice, bool) and choice >= 1:
        return list(texts[:choice])
    if choice not in CHOICES + JOINED:
        raise DataError(f"captions={choice!r} is neither {', '.join(map(repr, CHOICES))} nor a number from 1 on")
    return list(texts) if choice == "each" else ["\n".join(texts)] if choice in JOINED else list(texts[:1])


def text_at(source: Source, row: int, number: int) -> str | None:
    """The text that belongs to an item's code of that number, counted from 0; None where there is none."""
    if isinstance(source, TextSource):
        said = source.said(row)
        return said[number] if number < len(said) else None
    return source.text(row)


def owners_of(source: Any) -> NDArray[np.int64]:
    """The item of each thing that gets a code, ascending: of each text, or of each item of another kind."""
    return source.owners if isinstance(source, TextSource) else np.arange(len(source))
