"""Folds of paired retrieval: items in equal parts, each ranked by itself, and the mean of the parts' scores.

COCO's 5,000 test pictures are reported in two ways: as a whole ("5K"), and as five folds of 1,000 pictures with their
captions ("1K"), whose five scores are averaged (VSE++, Faghri et al., BMVC 2018, and the papers that follow it). A
thousand candidates are an easier task than five thousand, so that the two cannot be compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.metrics.protocol import Result

Rows = NDArray[np.int64]


def cut_folds(items: NDArray[np.str_], folds: int) -> list[NDArray[np.str_]]:
    """The items in equal parts, in their order.

    Args:
        items: ids (n,) of codes in the order of the file; of an id that repeats, the first place counts.
        folds: number of parts, >= 1.

    Returns:
        One array of distinct ids for each fold, all of one length.

    Raises:
        SettingsError: if there are no equal parts.

    Example:
        >>> [part.tolist() for part in cut_folds(np.array(["b", "b", "d", "a", "c"]), 2)]
        [['b', 'd'], ['a', 'c']]
    """
    distinct = items[np.sort(np.unique(items, return_index=True)[1])]
    if folds < 1 or len(distinct) % folds or len(distinct) == 0:
        raise SettingsError(
            f"{len(distinct)} items cannot be divided into {folds} equal folds; give a number that divides them, or "
            f"choose {max(len(distinct) // max(folds, 1), 1) * max(folds, 1)} of them"
        )
    return list(distinct.reshape(folds, -1))


def mean_of_folds(results: Sequence[Result]) -> Result:
    """One result from those of the folds: every value is the mean of the folds' values, each with the same weight.

    Values of single queries come one fold after the other, and so do their ids. Counts of queries and pairs are sums;
    the number of items is that of the largest fold, since a query ranks only its own.

    Args:
        results: one for each fold, of the same metrics and rules.

    Raises:
        SettingsError: for curves, whose points differ from fold to fold.
    """
    first = results[0]
    if first.curves:
        raise SettingsError(f"{next(iter(first.curves))} is a curve, which has no mean over folds; leave it out")
    return Result(
        values={name: float(np.mean([result.values[name] for result in results])) for name in first.values},
        per_query={name: np.concatenate([result.per_query[name] for result in results]) for name in first.per_query},
        curves={},
        queries=sum(result.queries for result in results),
        database=max(result.database for result in results),
        bits=first.bits,
        relevant_pairs=sum(result.relevant_pairs for result in results),
        empty_queries=sum(result.empty_queries for result in results),
        empty_balls={name: sum(result.empty_balls[name] for result in results) for name in first.empty_balls},
        left_out=sum(result.left_out for result in results),
        random_floor=float(np.mean([result.random_floor for result in results])),
        floors={name: float(np.mean([result.floors[name] for result in results])) for name in first.floors},
        query_ids=np.concatenate([result.query_ids for result in results]),
        ranked_by=first.ranked_by,
        ties=first.ties,
        empty=first.empty,
    )
