"""A block of the database: what every counting engine is given, and what it must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.metrics.relevance import Grades, Relevance


@dataclass(eq=False)
class DatabaseBlock(ABC):
    """Adds its items to a table, with the same result in every engine.

    Attributes:
        table: counts per query, distance and grade, int64 (Q, K + 1, depth); with depth 2 the grade is 0 or 1.
        queries: packed codes, (Q, bytes).
        items: packed codes of the block, (n, bytes).
        relevance: which items are relevant to which query.
        start: number of the first item in the whole database.
    """

    table: NDArray[np.int64]
    queries: NDArray[np.uint8]
    items: NDArray[np.uint8]
    relevance: Relevance
    start: int

    @abstractmethod
    def __call__(self, rows: NDArray[np.intp]) -> None:
        """Count for some queries; each thread may process different ones."""

    def level(self, start: int, stop: int) -> Grades:
        """Grades, in 0..depth - 1, of the items start..stop of the block."""
        of_items = self.relevance.grades if self.table.shape[2] > 2 else self.relevance.flags
        return of_items(self.start + start, self.start + stop)
