"""Codes that are in memory, searched like an index."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.nearest import nearest
from crossmodal_hash.codes.record import Codes
from crossmodal_hash.engines.engine import Content, Hits, Packed
from crossmodal_hash.engines.segment import numbers_of


class InMemory:
    """What an engine finds, found among codes in memory; exact.

    Args:
        codes: of N items.

    Example:
        >>> codes = Codes(np.array([[1], [255]], dtype=np.uint8), 8, ["cat", "dog"], "image")
        >>> InMemory(codes).search(np.array([[3]], dtype=np.uint8), 1)[0].ids.tolist()
        ['cat']
    """

    def __init__(self, codes: Codes) -> None:
        self.codes = codes
        self.content = Content(codes.bits, codes.modality, codes.fingerprint)

    def __len__(self) -> int:
        return len(self.codes)

    def search(self, queries: Packed, k: int) -> list[Hits]:
        """The k nearest of each query, or all if there are fewer; k >= 1."""
        found = nearest(queries, self.codes.packed, self.codes.bits, k)
        return [
            Hits(self.codes.ids[rows], self._numbers[rows], distances, self.codes.packed[rows])
            for rows, distances in zip(*found, strict=True)
        ]

    def codes_of(self, item: str) -> Packed:
        """The codes of one id in their order."""
        found: Packed = self.codes.packed[self.codes.ids == item]
        return found

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        return numbers_of(self.codes.ids).astype(np.int64)
