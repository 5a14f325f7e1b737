"""Compares what an index finds with an exact scan of the codes it was built of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crossmodal_hash.codes.record import Codes
from crossmodal_hash.engines.engine import Engine
from crossmodal_hash.engines.in_memory import InMemory


class Comparison(NamedTuple):
    """What was compared.

    Attributes:
        expected: codes that should be there.
        there: codes that are there.
        asked: queries, each a code that should be there.
        missing: of their ids, how many do not have the codes that they should have.
        wrong: answers with a distance that is not the true one.
        recall: share of the k nearest that were found, in 0..1; an item as near as the k-th counts as one of them.
    """

    expected: int
    there: int
    asked: int
    missing: int
    wrong: int
    recall: float

    def broken(self) -> str:
        """What is not as it should be, in words; empty where everything is. Recall below 1 is what some engines do."""
        said = []
        if self.there != self.expected:
            said.append(f"{self.there} codes in place of {self.expected}")
        if self.missing:
            said.append(f"{self.missing} of {self.asked} ids with other codes or none")
        if self.wrong:
            said.append(f"{self.wrong} wrong distances")
        return ", ".join(said)


def compare_with(index: Engine, codes: Codes, *, sample: int = 100, k: int = 10, seed: int = 0) -> Comparison:
    """Ask an index for a sample of the codes that it should hold.

    Args:
        index: an open index.
        codes: all N codes that should be there.
        sample: number of queries; all N if there are fewer.
        k: items for each query.
        seed: of the sample.

    Returns:
        Counts, and recall against an exact scan.

    Example:
        >>> import tempfile
        >>> from crossmodal_hash.engines.engine import Content
        >>> from crossmodal_hash.engines.scan import Scan
        >>> codes = Codes(np.array([[1], [255]], dtype=np.uint8), 8, ["cat", "dog"], "image")
        >>> index = Scan().create(tempfile.mkdtemp(), Content(8, "image"))
        >>> index.add(["cat"], codes.packed[:1])
        >>> compare_with(index, codes, k=1).broken()
        '1 codes in place of 2, 1 of 2 ids with other codes or none'
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(codes))[:sample])
    exact, queries = InMemory(codes), codes.packed[rows]
    missing = sum(
        not np.array_equal(exact.codes_of(item), index.codes_of(item)) for item in np.unique(codes.ids[rows]).tolist()
    )
    found, wrong, total = 0, 0, 0
    for query, got, truth in zip(queries, index.search(queries, k), exact.search(queries, k), strict=True):
        true = np.bitwise_count(got.packed ^ query).sum(axis=1)
        wrong += int((true != got.distances).sum())
        found += int((true <= truth.distances[-1]).sum())
        total += len(truth.distances)
    return Comparison(len(codes), len(index), len(rows), missing, wrong, found / max(total, 1))
