"""An index that several threads ask, one after the other: engines hold connections and caches that are not shared."""

from __future__ import annotations

from threading import Lock

from crossmodal_hash.engines.answers import Searchable
from crossmodal_hash.engines.engine import Content, Hits, Packed


class OneAtATime:
    """A searchable index for several threads.

    Args:
        index: an open engine, or codes in memory.
    """

    def __init__(self, index: Searchable) -> None:
        self._index, self._lock = index, Lock()
        self.content: Content = index.content

    def search(self, queries: Packed, k: int) -> list[Hits]:
        """The k nearest of each query."""
        with self._lock:
            return self._index.search(queries, k)

    def codes_of(self, item: str) -> Packed:
        """The codes of one id."""
        with self._lock:
            return self._index.codes_of(item)

    def __len__(self) -> int:
        with self._lock:
            return len(self._index)
