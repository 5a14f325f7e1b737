"""Rankings by the inner product of real codes, before the sign, to measure the loss from binarization."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import CodesError, ShapeError
from crossmodal_hash.metrics.counts import BLOCK_ITEMS, Counts
from crossmodal_hash.metrics.relevance import Pairs, Relevance
from crossmodal_hash.metrics.ties import runs

PRODUCTS = 4_000_000
"""Inner products in memory at once: 32 MB."""


def by_inner_product(
    queries: NDArray[Any],
    database: NDArray[Any],
    relevance: Relevance,
    *,
    leave_out: Pairs | None = None,
    stable: bool = False,
) -> Iterator[Counts]:
    """Rank the database for each query in turn, the largest inner product first.

    Products are computed in double precision. Items with exactly the same product, such as copies of one picture, are
    one group, like items at the same Hamming distance.

    Args:
        queries: real codes, (Q, K), finite, Q >= 1.
        database: real codes, (N, K), finite, N >= 1.
        relevance: which items are relevant to which query.
        leave_out: pairs that do not count.
        stable: rank items with the same product in database order instead.

    Yields:
        Counts of one query, with grades.

    Raises:
        CodesError: if there is no query or no item, or a code is not finite.
        ShapeError: if the two sides differ in K, or the relevance is for other numbers of queries or items.

    Example:
        >>> from crossmodal_hash.metrics.relevance import Labels
        >>> relevance = Labels(np.array([[1]]), np.array([[0], [1], [1]]))
        >>> ranking = next(by_inner_product(np.array([[1.0]]), np.array([[0.1], [0.9], [0.1]]), relevance))
        >>> ranking.items.tolist(), ranking.relevant.tolist()
        ([[1, 2]], [[1, 1]])
    """
    _check(queries, database, relevance)
    n = len(database)
    blocks = [relevance.grades(start, min(start + BLOCK_ITEMS, n)) for start in range(0, n, BLOCK_ITEMS)]
    columns = np.asarray(database, np.float64).T
    block = max(1, PRODUCTS // n)
    for start in range(0, len(queries), block):
        products = np.asarray(queries[start : start + block], np.float64) @ columns
        for query, product in enumerate(products, start):
            grade = np.concatenate([of_query(query) for of_query in blocks])
            keep = np.ones(n, bool)
            if leave_out is not None:
                keep[leave_out.between(query, query + 1)[1]] = False
            score = -product[keep]
            order = np.argsort(score, kind="stable")
            yield _groups(score[order], grade[keep][order], relevance.max_grade, stable=stable)


def _groups(score: NDArray[np.float64], grade: NDArray[Any], max_grade: int, *, stable: bool) -> Counts:
    """Groups of equal score; without any, the fewer runs of equal grade are equivalent."""
    starts = np.concatenate([[0], np.flatnonzero(score[1:] != score[:-1]) + 1])
    if stable or len(starts) >= len(score):
        return runs(grade[None], np.array([len(grade)]), max_grade)
    g = grade.astype(np.int64)
    sums = {
        name: np.add.reduceat(values, starts)[None]
        for name, values in (("relevant", (g > 0).astype(np.int64)), ("shared", g), ("gain", 2.0**g - 1))
    }
    items = np.diff(starts, append=len(g))[None]
    return Counts(items=items, grades=np.bincount(g, minlength=max_grade + 1)[None], **sums)


def _check(queries: NDArray[Any], database: NDArray[Any], relevance: Relevance) -> None:
    if len(queries) == 0 or len(database) == 0:
        raise CodesError(f"nothing to rank: {len(queries)} queries, {len(database)} database items; both must be >= 1")
    if queries.ndim != 2 or database.ndim != 2 or queries.shape[1] != database.shape[1]:
        raise ShapeError(f"real codes must be (Q, K) and (N, K), not {queries.shape} and {database.shape}")
    if (relevance.queries, relevance.items) != (len(queries), len(database)):
        raise ShapeError(
            f"relevance is known for {relevance.queries} queries x {relevance.items} items, but the real codes are "
            f"{len(queries)} x {len(database)}"
        )
    for side, codes in (("query", queries), ("database", database)):
        if not np.isfinite(codes).all():
            row = int(np.argwhere(~np.isfinite(codes))[0, 0])
            raise CodesError(f"the real code of {side} row {row} is not finite; fix the encoder")
