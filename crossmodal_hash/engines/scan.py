"""Engine `scan`: codes in memory-mapped files in a folder, compared with the query one after the other; exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np

from crossmodal_hash.codes.hamming import distance_dtype, distances
from crossmodal_hash.codes.nearest import nearest
from crossmodal_hash.engines.engine import Content, Engine, Hits, Packed
from crossmodal_hash.engines.segment import Segment
from crossmodal_hash.engines.store import Part, Store


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
        return [self.store.hits(parts, k) for parts in self.scan(queries, k)]

    def within(self, queries: Packed, radius: int) -> list[Hits]:
        """Block by block."""
        return [self.store.hits(parts, None) for parts in self.scan_within(queries, radius)]

    def scan(self, queries: Packed, k: int, since: int = 0) -> list[list[Part]]:
        """The k nearest of each segment, for each query; codes before row `since` of all that count are left out."""
        found: list[list[Part]] = [[] for _ in queries]
        for number, first, segment in self._from(since):
            there = None if segment.there is None else segment.there[first:]
            nearby = nearest(queries, segment.codes[first:], self.content.bits, k, there)
            for parts, rows, distance in zip(found, *nearby, strict=True):
                parts.append((number, rows + first, distance))
        return found

    def scan_within(self, queries: Packed, radius: int, since: int = 0) -> list[list[Part]]:
        """As `scan`, but every code within a radius."""
        limit = np.asarray(min(radius, self.content.bits), distance_dtype(self.content.bits))
        found: list[list[Part]] = [[] for _ in queries]
        for number, first, segment in self._from(since):
            for block in segment.rows(first):
                distance = distances(queries, segment.codes[block], self.content.bits)
                for parts, of_query in zip(found, distance, strict=True):
                    near = np.flatnonzero(of_query <= limit)
                    parts.append((number, block[near], of_query[near].astype(np.int64)))
        return found

    def _from(self, since: int) -> Iterator[tuple[int, int, Segment]]:
        """Number of each segment, and the first of its rows to look at."""
        for number, segment in enumerate(self.store.segments):
            if since < (n := len(segment)):
                there = segment.there if since else None
                first = since if there is None else int(np.flatnonzero(there)[since])
                yield number, first, segment
            since = max(since - n, 0)
