"""A data set: modalities of the same items, row by row, with their labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.data.pictures import first
from crossmodal_hash.data.source import Rows, Source
from crossmodal_hash.errors import DataError

S = TypeVar("S", bound=Source)


@dataclass(frozen=True, eq=False)
class Dataset:
    """N items, each present in every modality; row i of every part is the same item.

    Attributes:
        name: for messages and reports.
        ids: N distinct names, file names or row numbers "0", "1", ...
        modalities: modality name -> N items of one kind: `Pictures`, `Texts`, rows of a `Matrix`, or another `Source`.
        labels: (N, C) uint8 in {0, 1}; an item may have none. None if no labels are known.
        label_names: C names, in the order of the columns.
        split_rows: rows of "query", "train" and "database", if the files came with a split; for `split_from_rows`.
        notes: what a reader left out or chose, one sentence each, for the user.
        reader: name of the layout it was read from; None if a program created it.

    Raises:
        DataError: if the parts differ in length or an id is used twice.

    Example:
        >>> from crossmodal_hash.data import Texts
        >>> data = Dataset("toy", ("a", "b"), {"text": Texts(("a red bus", "a cat"))})
        >>> len(data), data.take([1]).ids
        (2, ('b',))
    """

    name: str
    ids: tuple[str, ...]
    modalities: Mapping[str, Source]
    labels: NDArray[np.uint8] | None = None
    label_names: tuple[str, ...] = ()
    split_rows: Mapping[str, NDArray[np.int64]] | None = None
    notes: tuple[str, ...] = ()
    reader: str | None = None

    def __post_init__(self) -> None:
        sizes = {"ids": len(self.ids)} | {name: len(source) for name, source in self.modalities.items()}
        if self.labels is not None:
            sizes["labels"] = len(self.labels)
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise DataError(f"the parts of {self.name!r} differ in length ({told}); give each of them one row per item")
        if len(set(self.ids)) < len(self.ids):
            seen: set[str] = set()
            twice = [i for i in self.ids if i in seen or seen.add(i)]  # type: ignore[func-returns-value]
            raise DataError(
                f"{len(twice)} ids of {self.name!r} are used twice ({first(twice)}); keep one item for each"
            )
        if self.labels is not None and self.labels.shape[1] != len(self.label_names):
            raise DataError(
                f"{self.name!r} has {self.labels.shape[1]} label columns but {len(self.label_names)} label names; "
                f"give one name per column"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Rows) -> Dataset:
        """The items at `rows` (M,), in that order; a split that came with the files is dropped."""
        index = np.asarray(rows, dtype=np.int64)
        return Dataset(
            self.name,
            tuple(self.ids[row] for row in index),
            {name: source.take(index) for name, source in self.modalities.items()},
            None if self.labels is None else self.labels[index],
            self.label_names,
            notes=self.notes,
            reader=self.reader,
        )

    def of(self, kind: type[S]) -> dict[str, S]:
        """The modalities of one kind, such as `Texts`, by name."""
        return {name: source for name, source in self.modalities.items() if isinstance(source, kind)}

    def fingerprint(self) -> str:
        """SHA-256 over ids, every modality, labels and their names; the data set's own name does not count."""
        parts = [_digest(self.ids), _digest(self.label_names)]
        parts += [f"{name} {source.fingerprint()}" for name, source in self.modalities.items()]
        if self.labels is not None:
            parts.append(digest([np.ascontiguousarray(self.labels).data]))
        return _digest(parts)


def _digest(texts: Iterable[str]) -> str:
    return digest(text.encode("utf-8", "surrogatepass") for text in texts)
