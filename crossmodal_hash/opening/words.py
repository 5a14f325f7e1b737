"""The texts and pictures of items, to be shown beside what is found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data import Dataset, Source
from crossmodal_hash.data.captions import text_at
from crossmodal_hash.engines.segment import numbers_of


class Words:
    """The text of each item by its id.

    Args:
        source: N items.
        ids: ids of the N items.

    Example:
        >>> from crossmodal_hash.data import Captions, Texts
        >>> cats = Words(Captions(Texts(("a cat", "it sleeps", "a bus")), (2, 1)), ["0", "1"])
        >>> cats.each(np.array(["1", "0", "1", "0"]))
        ['a bus', 'a cat', None, 'it sleeps']
    """

    def __init__(self, source: Source, ids: Sequence[str]) -> None:
        self.source, self.row_of = source, {name: row for row, name in enumerate(ids)}

    def of(self, item: str, number: int = 0) -> str | None:
        """The text of an item's code of that number, counted from 0; None where it has none."""
        row = self.row_of.get(item)
        return None if row is None else text_at(self.source, row, number)

    def each(self, ids: NDArray[np.str_]) -> list[str | None]:
        """The text of each code of a file, (n,), where the k-th code of an id is that of the item's k-th text."""
        return [self.of(item, number) for item, number in zip(ids.tolist(), numbers_of(ids).tolist(), strict=True)]


def pictures_of(dataset: Dataset) -> Source | None:
    """The first modality whose items have pictures to show; None if there is none."""
    sources = dataset.modalities.values()
    return next((source for source in sources if type(source).picture is not Source.picture), None)


def words_of(dataset: Dataset, modality: str) -> Words | None:
    """The texts of codes of a modality: their own, or where it has none, such as pictures, those of another one.

    Returns:
        None if no modality of the data has texts.
    """
    own = [source for name, source in dataset.modalities.items() if name == modality]
    for source in (*own, *dataset.modalities.values()):
        if any(source.text(row) is not None for row in range(len(source))):
            return Words(source, dataset.ids)
    return None
