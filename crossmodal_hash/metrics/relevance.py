"""Which database items are relevant to a query, and how much: by shared labels, by identity, or by judgments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes
from crossmodal_hash.codes.hamming import to_words
from crossmodal_hash.errors import DataError, ShapeError

Grades = Callable[[int], NDArray[Any]]
"""Query number -> grade g of every item of one block of the database, (n,), unsigned."""


class Relevance(Protocol):
    """Interface for the counting loop; an item is relevant if its grade g is above 0.

    Attributes:
        queries: Q.
        items: N.
        max_grade: upper bound of g.
        group: int (Q,); queries of one group have the same relevant items, so these are looked up once per group.
    """

    queries: int
    items: int
    max_grade: int
    group: NDArray[np.int64]

    def flags(self, start: int, stop: int) -> Grades:
        """Relevance (0 or 1, uint8) of the items start..stop."""
        ...

    def grades(self, start: int, stop: int) -> Grades:
        """Grades of the items start..stop."""
        ...

    def of_pairs(self, pairs: Pairs) -> NDArray[np.int64]:
        """Grades of single (query, item) pairs, (P,)."""
        ...


class Labels:
    """Relevant = at least one shared label; the grade g is the number of shared labels.

    Args:
        queries: labels of the queries, (Q, C); any value except 0 counts as set. Memory maps are read in pieces.
        database: labels of the items, (N, C).

    Raises:
        ShapeError: if the label matrices differ in C.

    Example:
        >>> shared = Labels(np.array([[1, 1, 0]]), np.array([[1, 1, 1], [0, 0, 1]]))
        >>> shared.grades(0, 2)(0)
        array([2, 0], dtype=uint8)
    """

    def __init__(self, queries: NDArray[Any], database: NDArray[Any]) -> None:
        if queries.ndim != 2 or database.ndim != 2 or queries.shape[1] != database.shape[1]:
            raise ShapeError(
                f"labels of queries and database must have the same columns, but have shapes {queries.shape} and "
                f"{database.shape}; label both with the same classes"
            )
        self.queries, self.items = len(queries), len(database)
        self.database = database
        self.words = label_words(queries)
        self.bytes = np.packbits(np.asarray(queries) != 0, axis=1)
        self.max_grade = int(np.bitwise_count(self.words).sum(axis=1, dtype=np.int64).max(initial=1))
        self.group = np.unique(self.words, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def flags(self, start: int, stop: int) -> Grades:
        """Relevance of the items start..stop, by one `and` for each byte in which the query has a label."""
        columns = np.ascontiguousarray(self.packed(start, stop).T)

        def of_query(query: int) -> NDArray[np.uint8]:
            shared = np.zeros(stop - start, np.uint8)
            for byte, column in zip(self.bytes[query], columns, strict=True):
                if byte:
                    shared |= column & byte
            return np.asarray((shared != 0).view(np.uint8))

        return of_query

    def packed(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Labels of the items start..stop, eight to a byte, in the layout of `bytes`, (n, ceil(C / 8))."""
        return np.packbits(np.asarray(self.database[start:stop]) != 0, axis=1)

    def grades(self, start: int, stop: int) -> Grades:
        """Number of labels that the items start..stop share with a query."""
        words = label_words(self.database[start:stop])
        dtype = np.uint8 if self.max_grade <= 255 else np.uint16
        return lambda query: np.bitwise_count(words & self.words[query]).sum(axis=1, dtype=dtype)

    def of_pairs(self, pairs: Pairs) -> NDArray[np.int64]:
        """Number of labels that each pair shares."""
        shared = self.words[pairs.query] & label_words(self.database[pairs.item])
        return np.asarray(np.bitwise_count(shared).sum(axis=1, dtype=np.int64))


class Pairs:
    """Relevance as a short list of (query, item, grade); every other pair has grade 0.

    Args:
        query: query numbers, (P,); no pair twice.
        item: item numbers, (P,).
        queries: Q.
        items: N.
        grade: grades, (P,), whole, 0..255; None for all 1.

    Raises:
        DataError: if a grade is outside 0..255 or not whole.
    """

    def __init__(
        self, query: NDArray[Any], item: NDArray[Any], queries: int, items: int, grade: NDArray[Any] | None = None
    ) -> None:
        grade = np.ones(len(query), np.int64) if grade is None else np.asarray(grade)
        wrong = (grade < 0) | (grade > 255) | (grade != np.floor(grade))
        if wrong.any():
            raise DataError(f"a grade must be a whole number from 0 to 255, not {grade[wrong][0]}")
        order = np.lexsort((item, query))
        self.query, self.item = np.asarray(query, np.int64)[order], np.asarray(item, np.int64)[order]
        self.grade = grade.astype(np.int64)[order]
        self.queries, self.items = queries, items
        self.max_grade = int(self.grade.max(initial=1))
        self._first = np.searchsorted(self.query, np.arange(queries + 1))
        # Queries without a pair are alike.
        self.group = np.where(np.diff(self._first) > 0, np.arange(queries), -1)

    def __len__(self) -> int:
        return len(self.query)

    def flags(self, start: int, stop: int) -> Grades:
        """Relevance of the items start..stop."""
        return lambda query: (self._dense(query, start, stop) > 0).view(np.uint8)

    def grades(self, start: int, stop: int) -> Grades:
        """Grades of the items start..stop."""
        return lambda query: self._dense(query, start, stop)

    def of_pairs(self, pairs: Pairs) -> NDArray[np.int64]:
        """Grades of the given pairs, 0 if they are not in this list."""
        mine = self.query * self.items + self.item
        asked = pairs.query * self.items + pairs.item
        at = np.searchsorted(mine, asked)
        found = at < len(mine)
        found[found] = mine[at[found]] == asked[found]
        out = np.zeros(len(asked), np.int64)
        out[found] = self.grade[at[found]]
        return out

    def between(self, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The pairs of the queries start..stop: rows, counted from start, and items."""
        mine = slice(self._first[start], self._first[min(stop, self.queries)])
        return self.query[mine] - start, self.item[mine]

    def _dense(self, query: int, start: int, stop: int) -> NDArray[np.uint16]:
        dense = np.zeros(stop - start, np.uint16)
        mine = slice(self._first[query], self._first[query + 1])
        at = self.item[mine] - start
        inside = (at >= 0) & (at < stop - start)
        dense[at[inside]] = self.grade[mine][inside]
        return dense


def each_query(rows: NDArray[np.intp], level: Grades, group: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Each query of `rows` with its result of `level`, looked up once for neighbors of one group."""
    last, grades = None, np.empty(0, np.uint8)
    for query in rows.tolist():
        if group[query] != last:
            last, grades = group[query], level(query)
        yield query, grades


def same_id(queries: NDArray[np.str_], database: NDArray[np.str_]) -> Pairs:
    """Pairs of a query and an item with the same id: a picture and its captions, or an item and itself.

    Args:
        queries: ids (Q,); may repeat.
        database: ids (N,); may repeat.

    Returns:
        All such pairs, with grade 1.

    Example:
        >>> pairs = same_id(np.array(["b", "x"]), np.array(["a", "b", "b"]))
        >>> pairs.query.tolist(), pairs.item.tolist()
        ([0, 0], [1, 2])
    """
    order = np.argsort(database, kind="stable")
    ranked = database[order]
    first, last = np.searchsorted(ranked, queries, "left"), np.searchsorted(ranked, queries, "right")
    many = last - first
    query = np.repeat(np.arange(len(queries)), many)
    within = np.arange(len(query)) - np.repeat(np.cumsum(many) - many, many)
    return Pairs(query, order[np.repeat(first, many) + within], len(queries), len(database))


def judged(qrels: Mapping[str, Mapping[str, int]], queries: NDArray[np.str_], database: NDArray[np.str_]) -> Pairs:
    """Relevance from judgments in the TREC form, query id -> item id -> grade.

    Judgments of items outside the database are ignored, as in a run against a part of it; a query without judgments
    has no relevant item. The judgment of an item is that of each of its codes, such as those of its five texts.

    Args:
        qrels: the judgments.
        queries: ids (Q,); may repeat.
        database: ids (N,); may repeat.

    Returns:
        The judged pairs.

    Raises:
        DataError: if a grade is outside 0..255 or not whole.
    """
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(database.tolist()):
        rows_of.setdefault(name, []).append(row)
    rows = [
        (q, row, grade)
        for q, name in enumerate(queries.tolist())
        for item, grade in qrels.get(name, {}).items()
        for row in rows_of.get(item, ())
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Pairs(table[:, 0], table[:, 1], len(queries), len(database), table[:, 2])


def from_codes(queries: Codes, database: Codes) -> Labels:
    """Relevance by the labels in two codes files.

    Raises:
        DataError: if one of them has no labels, or their label names differ.
    """
    if queries.labels is None or database.labels is None:
        role, codes = ("query", queries) if queries.labels is None else ("database", database)
        raise DataError(
            f"the {role} codes ({codes.modality}) have no labels; add them, or use relevance by pairs: --pairs"
        )
    if queries.label_names and database.label_names and queries.label_names != database.label_names:
        raise DataError("queries and database name their labels differently; use the same classes in the same order")
    return Labels(queries.labels, database.labels)


def label_words(labels: NDArray[Any]) -> NDArray[Any]:
    """A label matrix as bit masks: one unsigned word per item, several above 64 classes.

    Args:
        labels: (N, C); any value except 0 is set.

    Returns:
        (N, W), uint32 up to 32 classes (half the memory traffic), uint64 above.

    Example:
        >>> label_words(np.array([[1, 0, 1]]))
        array([[5]], dtype=uint32)
    """
    words = to_words(np.packbits(np.asarray(labels) != 0, axis=1, bitorder="little"))
    return words.astype(np.uint32) if labels.shape[1] <= 32 else words
