"""What is served: the codes that are searched, and the texts, labels and pictures of their items."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import numpy as np
from PIL import Image

from crossmodal_hash.data import Dataset
from crossmodal_hash.engines.answers import Searchable
from crossmodal_hash.opening.words import Words, pictures_of, words_of
from crossmodal_hash.serving.one_at_a_time import OneAtATime


class Library:
    """Items by id. What is asked for is looked up and never becomes part of a path.

    Args:
        name: to be shown.
        indexes: modality -> what is searched; all of one model.
        dataset: the items; None if they are not there, and then ids are all that is known.
    """

    def __init__(self, name: str, indexes: Mapping[str, Searchable], dataset: Dataset | None) -> None:
        self.name, self.dataset = name, dataset
        self.indexes = {modality: OneAtATime(index) for modality, index in indexes.items()}
        self.words: dict[str, Words | None] = {
            modality: None if dataset is None else words_of(dataset, modality) for modality in self.indexes
        }
        self._row_of = {} if dataset is None else {item: row for row, item in enumerate(dataset.ids)}
        self._pictured = None if dataset is None else pictures_of(dataset)

    @property
    def bits(self) -> int:
        """K."""
        return next(iter(self.indexes.values())).content.bits

    @property
    def has_pictures(self) -> bool:
        """Whether items have pictures to show."""
        return self._pictured is not None

    @property
    def label_names(self) -> tuple[str, ...]:
        """C names; none without labels."""
        return () if self.dataset is None or self.dataset.labels is None else self.dataset.label_names

    def holds(self, item: str) -> bool:
        """Whether there is a code of that id."""
        return any(len(index.codes_of(item)) for index in self.indexes.values())

    def text(self, item: str) -> str | None:
        """All texts of an item, one a line; None if it has none."""
        row = self._row_of.get(item)
        for words in self.words.values():
            if words is not None and row is not None:
                return words.source.text(row)
        return None

    def labels(self, item: str) -> list[str]:
        """The labels of an item."""
        row = self._row_of.get(item)
        if row is None or self.dataset is None or self.dataset.labels is None:
            return []
        return [self.dataset.label_names[column] for column in np.flatnonzero(self.dataset.labels[row])]

    def link(self, item: str) -> str | None:
        """Where this server has the item's picture; None if it has none."""
        if self._pictured is None or item not in self._row_of:
            return None
        return f"/pictures/{quote(item.encode('utf-8', 'surrogatepass'), safe='')}"

    def picture(self, item: str, side: int) -> Image.Image | None:
        """The picture of an item, perhaps decoded smaller while both sides stay at least `side` pixels.

        Raises:
            DataError: if it cannot be read.
        """
        row = self._row_of.get(item)
        if row is None or self._pictured is None or not self.holds(item):
            return None
        return self._pictured.picture(row, side)

    def codes(self, item: str) -> dict[str, list[str]]:
        """Modality -> the codes of an item in hexadecimal digits."""
        return {
            modality: [code.tobytes().hex() for code in codes]
            for modality, index in self.indexes.items()
            if len(codes := index.codes_of(item))
        }

    def some(self, number: int) -> list[str]:
        """Ids of some items, the same every time, from all over the data."""
        if self.dataset is None or not len(self.dataset):
            return []
        rows = np.random.default_rng(0).permutation(len(self.dataset))
        found: list[str] = []
        for row in rows[: 4 * number]:
            if len(found) < number and self.holds(item := self.dataset.ids[row]):
                found.append(item)
        return found
