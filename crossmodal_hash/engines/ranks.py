"""The codes of several segments that count, numbered through in the order in which they were added."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.engines.engine import Packed
from crossmodal_hash.engines.segment import Segment, Wanted
from crossmodal_hash.engines.store import Part


class Ranks:
    """Where the codes that count are: rank 0 is the first one of the first segment.

    Args:
        segments: as in a store.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.rows = [None if s.there is None else np.flatnonzero(s.there) for s in segments]
        self.ends = np.cumsum([len(s) for s in segments], dtype=np.int64)

    def parts(self, ranks: NDArray[np.int64], distances: NDArray[np.int64]) -> list[Part]:
        """What was found, by segments, each in the order given.

        Args:
            ranks: of the codes found, (n,).
            distances: of the same, (n,).
        """
        numbers = np.searchsorted(self.ends, ranks, side="right")
        found: list[Part] = []
        for number in np.unique(numbers).tolist():
            of = numbers == number
            rows = ranks[of] - (self.ends[number - 1] if number else 0)
            there = self.rows[number]
            found.append((number, rows if there is None else there[rows], distances[of]))
        return found


def ranks_of(segments: Sequence[Segment], wanted: Wanted) -> NDArray[np.int64]:
    """The ranks of all codes of the ids wanted, ascending."""
    found, start = [np.empty(0, np.int64)], 0
    for segment in segments:
        rows = segment.find(wanted)
        if segment.there is not None and len(rows):
            rows = np.cumsum(segment.there)[rows] - 1
        found.append(rows + start)
        start += len(segment)
    return np.concatenate(found)


def codes_from(segments: Sequence[Segment], first: int) -> Packed:
    """The codes from rank `first` on, in memory."""
    found = []
    for segment in segments:
        if first < (n := len(segment)):
            codes = segment.codes if segment.there is None else segment.codes[segment.there]
            found.append(codes[first:])
        first = max(first - n, 0)
    return np.ascontiguousarray(np.concatenate(found))
