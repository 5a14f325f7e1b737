"""Statistics of labels: the share of relevant pairs, and the score of a random order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes
from crossmodal_hash.data import Split
from crossmodal_hash.metrics import evaluate


@dataclass(frozen=True)
class Floor:
    """Reference values of relevance.

    Attributes:
        share: share of the pairs of a query and a database item that have a common label, 0 to 1.
        random: map@all of codes without information; queries without a relevant item count 0.
        without: number of queries without a relevant item.
    """

    share: float
    random: float
    without: int


def floor(labels: NDArray[np.uint8], split: Split) -> Floor:
    """The share of relevant pairs and the score of a random order, for the queries against the database.

    Example:
        >>> rows = [np.array(r) for r in ([0], [1], [], [1, 2])]
        >>> floor(np.array([[1], [1], [0]], np.uint8), Split(*rows)).share
        0.5
    """
    # One bit, the same for everybody: all items are tied, and the expected score is that of a random order.
    codes = Codes(np.zeros((len(labels), 1), np.uint8), 1, np.arange(len(labels)).astype(str), "any", labels)
    queries, database = codes.select(split.query), codes.select(split.database)
    result = evaluate(queries, database, leave_out_self=False)
    pairs = len(queries) * len(database)
    return Floor(result.relevant_pairs / pairs, result.random_floor, result.empty_queries)
