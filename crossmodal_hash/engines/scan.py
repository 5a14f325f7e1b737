"""Engine `scan`: codes in memory-mapped files in a folder, compared with the query one after the other; exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.hamming import distance_dtype, distances
from crossmodal_hash.codes.nearest import nearest
from crossmodal_hash.engines.engine import Content, Engine, Hits, Packed
from crossmodal_hash.engines.store import Store


class Scan(Engine):
    """Every code in a folder is compared with each query; exact. Ids are decoded for what is found alone.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp() + "/index"
        >>> index = Scan().create(folder, Content(8, "image"))
        >>> index.add(["cat", "dog"], np.array([[1], [255]], dtype=np.uint8))
        >>> Scan().open(folder).search(np.array([[3]], dtype=np.uint8), 1)[0].ids.tolist()
        ['cat']
    """

    @property
    def exact(self) -> bool:
        """Always."""
        return True

    def create(self, where: str, content: Content) -> Self:
        """In a new folder, or an empty one."""
        self.store = Store.create(where, content)
        return self

    def open(self, where: str) -> Self:
        """The index in a folder."""
        self.store = Store.open(where)
        return self

    @property
    def content(self) -> Content:
        """What its codes are."""
        return self.store.content

    def __len__(self) -> int:
        """Codes that were not removed."""
        return len(self.store)

    def add(self, ids: Sequence[str], packed: Packed) -> None:
        """One more segment of the store."""
        with self.store.change() as change:
            change.add(ids, packed)

    def remove(self, ids: Sequence[str]) -> int:
        """Codes stay in their files and no longer count."""
        with self.store.change() as change:
            return change.remove(ids)

    def codes_of(self, item: str) -> Packed:
        """Found by the hash of the id."""
        return self.store.codes_of(item)

    def search(self, queries: Packed, k: int) -> list[Hits]:
        """The nearest of each segment, then of all."""
        parts = [
            (number, *nearest(queries, segment.codes, self.content.bits, k, segment.there))
            for number, segment in enumerate(self.store.segments)
        ]
        return [self.store.hits([(n, rows[q], d[q]) for n, rows, d in parts], k) for q in range(len(queries))]

    def within(self, queries: Packed, radius: int) -> list[Hits]:
        """Block by block."""
        limit = np.asarray(min(radius, self.content.bits), distance_dtype(self.content.bits))
        parts: list[list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]] = [[] for _ in queries]
        for number, segment in enumerate(self.store.segments):
            for block in segment.rows():
                distance = distances(queries, segment.codes[block], self.content.bits)
                for found, of_query in zip(parts, distance, strict=True):
                    near = np.flatnonzero(of_query <= limit)
                    found.append((number, block[near], of_query[near].astype(np.int64)))
        return [self.store.hits(found, None) for found in parts]
