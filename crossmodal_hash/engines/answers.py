"""What an index answers to a query that is known before the sign: the nearest, in a better order."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from crossmodal_hash.codes.rescore import FIRST, rescore
from crossmodal_hash.engines.engine import Content, Hits, Packed


class Searchable(Protocol):
    """An open `Engine`, or codes in memory."""

    @property
    def content(self) -> Content:
        """What its codes are."""

    def search(self, queries: Packed, k: int) -> list[Hits]:
        """The k nearest of each query."""

    def codes_of(self, item: str) -> Packed:
        """The codes of one id."""

    def __len__(self) -> int:
        """N, codes that can be found."""


def answers(index: Searchable, queries: Packed, u: NDArray[Any] | None, k: int, first: int = FIRST) -> list[Hits]:
    """The nearest of each query, ordered again by its values before the sign.

    Args:
        index: what is searched.
        queries: packed codes, uint8 (Q, ceil(K / 8)).
        u: the same before the sign, (Q, K); None leaves the order as it is.
        k: number of items, >= 1.
        first: number of items that are looked at again; at 0 or 1 none is.

    Returns:
        The max(k, first) nearest for each query; their distances need not ascend.

    Example:
        >>> import numpy as np
        >>> from crossmodal_hash.codes import Codes
        >>> from crossmodal_hash.engines.in_memory import InMemory
        >>> index = InMemory(Codes(np.array([[0b00], [0b01], [0b10]], np.uint8), 2, ["a", "b", "c"], "image"))
        >>> (hits,) = answers(index, np.array([[0b11]], np.uint8), np.array([[0.1, 0.9]]), 2)
        >>> hits.ids.tolist(), hits.distances.tolist()
        (['c', 'b', 'a'], [1, 1, 2])
    """
    found = index.search(queries, max(k, first))
    if u is None or first < 2:
        return found
    return [_ordered(hits, x, index.content.bits) for hits, x in zip(found, u, strict=True)]


def _ordered(hits: Hits, u: NDArray[Any], bits: int) -> Hits:
    order = rescore(u, hits.packed, bits)
    return Hits(hits.ids[order], hits.numbers[order], hits.distances[order], hits.packed[order])
