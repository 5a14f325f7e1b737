"""The table every metric is read from: items and relevant items at each distance, per query.

Counting streams over the database in constant memory. Per query and code it costs one `xor`, one population count and
half a step of a histogram: the keys of two neighbouring codes, distance and relevance in one byte, are counted as one
16-bit number. Where numba is installed, large tables are counted by the same steps as machine code (see `compiled`).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.bits import check_packed
from crossmodal_hash.codes.hamming import distance_dtype, fill_distances, to_words
from crossmodal_hash.errors import CodesError, SettingsError, ShapeError
from crossmodal_hash.metrics.relevance import Grades, Pairs, Relevance

STRETCH = 262_144
"""Codes read at once: with 8 queries their keys take 2 MB, the size of a second-level cache."""
BLOCK = 8
"""Queries handled at once, so that a tile of codes is read from the cache eight times."""
PAIRING = 8_192
"""From here on folding the table of pairs costs less than counting one by one."""
COMPILING = 500_000_000
"""Pairs of a query and an item from which on compiling costs less than it saves."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Items in groups of equal rank, nearest group first: G = K + 1 distances, or finer groups for a fixed order.

    Attributes:
        items: int64 (Q, G), items in each group.
        relevant: int64 (Q, G), the relevant ones among them.
        shared: int64 (Q, G), sum of the grades g, or None if not asked for.
        gain: float64 (Q, G), sum of 2^g - 1, or None.
        grades: int64 (Q, max grade + 1), items of each grade in the whole database, or None.
    """

    items: NDArray[np.int64]
    relevant: NDArray[np.int64]
    shared: NDArray[np.int64] | None = None
    gain: NDArray[np.float64] | None = None
    grades: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def total_relevant(self) -> NDArray[np.int64]:
        """R, relevant items in the whole database, (Q,)."""
        return np.asarray(self.relevant.sum(axis=1))

    @property
    def total_items(self) -> NDArray[np.int64]:
        """Items ranked for each query, (Q,): N, less those left out."""
        return np.asarray(self.items.sum(axis=1))

    def select(self, rows: NDArray[Any]) -> Counts:
        """The counts of some queries, by row numbers or a bool mask (Q,)."""
        tables = {f.name: getattr(self, f.name) for f in fields(self)}
        cut: dict[str, Any] = {name: None if table is None else table[rows] for name, table in tables.items()}
        return Counts(**cut)

    def closer(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """N0 and P0: items and relevant items in all nearer groups, two arrays (Q, G)."""
        return _before(self.items), _before(self.relevant)


def count(
    queries: NDArray[np.uint8],
    database: NDArray[np.uint8],
    bits: int,
    relevance: Relevance,
    *,
    gains: bool = False,
    leave_out: Pairs | None = None,
    threads: int | None = None,
    compiled: bool | None = None,
) -> Counts:
    """Count items and relevant items at each Hamming distance 0..K from each query.

    Args:
        queries: packed codes, uint8 (Q, ceil(K / 8)), Q >= 1.
        database: packed codes, uint8 (N, ceil(K / 8)), N >= 1; may be a memory map, which is read in stretches.
        bits: K, 1..32767.
        relevance: which items are relevant to which query.
        gains: also sum the grades; about twice as slow.
        leave_out: pairs that do not count, such as a query and itself in the database.
        threads: threads that share the queries; None takes two where the machine has them, or all if the loop is
            compiled (otherwise more gain little, because the histogram holds the interpreter).
        compiled: whether numba makes machine code of the inner loop, with the same result; None does so where it is
            installed and the table is large.

    Returns:
        Counts with K + 1 groups.

    Raises:
        CodesError: if there is no query or no item, or the codes do not have K bits.
        ShapeError: if the relevance is for other numbers of queries or items.
        SettingsError: if threads < 1, or numba is asked for and not installed.

    Example:
        >>> from crossmodal_hash.metrics.relevance import Labels
        >>> codes, labels = np.array([[0], [1], [3]], dtype=np.uint8), np.array([[1], [0], [1]])
        >>> table = count(codes[:1], codes, 2, Labels(labels[:1], labels))
        >>> table.items.tolist(), table.relevant.tolist()
        ([[1, 1, 1]], [[1, 0, 1]])
    """
    check_sizes(queries, database, bits, relevance)
    depth = relevance.max_grade + 1 if gains else 2
    table = np.zeros((len(queries), bits + 1, depth), np.int64)
    rows = np.argsort(relevance.group, kind="stable")
    machine_code = _is_compiled(compiled, len(queries) * len(database))
    cores = os.cpu_count() or 1
    workers = (cores if machine_code else min(2, cores)) if threads is None else threads
    if workers < 1:
        raise SettingsError(f"counting takes at least 1 thread, not {threads}.")
    laid_out: Callable[[NDArray[np.uint8]], NDArray[Any]] = np.asarray if machine_code else to_words
    asked = laid_out(queries)
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(database), STRETCH):
            stop = min(start + STRETCH, len(database))
            columns = np.ascontiguousarray(laid_out(database[start:stop]).T)
            level = (relevance.grades if gains else relevance.flags)(start, stop)

            def share(part: NDArray[np.intp], columns: Any = columns, level: Grades = level) -> None:
                if machine_code:
                    _add_compiled(table, part, asked, columns, _grades(part, level, relevance.group))
                else:
                    _add(table, part, asked, columns, _grades(part, level, relevance.group))

            list(pool.map(share, np.array_split(rows, workers)))
    if leave_out is not None:
        xor = queries[leave_out.query] ^ database[leave_out.item]
        distance = np.bitwise_count(xor).sum(axis=1, dtype=np.int64)
        grade = relevance.of_pairs(leave_out)
        np.subtract.at(table, (leave_out.query, distance, grade if gains else np.minimum(grade, 1)), 1)
    return from_table(table, gains=gains)


def from_table(table: NDArray[np.int64], *, gains: bool) -> Counts:
    """Counts from the number of items per query, group and grade, (Q, G, max grade + 1)."""
    items, relevant = table.sum(axis=2), table[:, :, 1:].sum(axis=2)
    if not gains:
        return Counts(items, relevant)
    g = np.arange(table.shape[2])
    return Counts(items, relevant, table @ g, table @ (2.0**g - 1), table.sum(axis=1))


def check_sizes(queries: NDArray[np.uint8], database: NDArray[np.uint8], bits: int, relevance: Relevance) -> None:
    """Refuse an empty side, codes of another length, and relevance made for other items.

    Raises:
        CodesError: if there is no query or no item, or the codes do not have K bits.
        ShapeError: if the relevance is for other numbers of queries or items.
    """
    check_packed(queries, bits)
    check_packed(database, bits)
    if bits > 32_767:
        raise CodesError(f"distances are counted up to 32767 bits, not {bits}.")
    if len(queries) == 0 or len(database) == 0:
        raise CodesError(f"nothing to rank: {len(queries)} queries, {len(database)} database items; both must be >= 1.")
    if (relevance.queries, relevance.items) != (len(queries), len(database)):
        raise ShapeError(
            f"relevance is known for {relevance.queries} queries x {relevance.items} items, but the codes are "
            f"{len(queries)} x {len(database)}."
        )


def _is_compiled(asked: bool | None, pairs: int) -> bool:
    if asked is None:
        return pairs >= COMPILING and importlib.util.find_spec("numba") is not None
    if asked and importlib.util.find_spec("numba") is None:
        raise SettingsError("compiled counting needs numba; install it with 'pip install crossmodal-hash[fast]'.")
    return asked


def _add(
    table: NDArray[np.int64],
    rows: NDArray[np.intp],
    words: NDArray[np.uint64],
    columns: NDArray[np.uint64],
    asked: Asked,
) -> None:
    """Add one stretch of the database to the rows of the table, which belong to this thread alone."""
    bits, depth, n = table.shape[1] - 1, table.shape[2], columns.shape[1]
    paired = depth == 2 and bits <= 127 and n >= PAIRING
    histogram = _PairHistogram(n, 2 * bits + 2) if paired else None
    last: NDArray[Any] | None = None
    offset: NDArray[Any] = np.empty(0)
    buffer = np.empty((min(BLOCK, len(rows)), n), distance_dtype(bits))
    for start in range(0, len(rows), BLOCK):
        distance = buffer[: len(rows) - start]
        fill_distances(words[rows[start : start + BLOCK]], columns, distance)
        for d, (query, grades) in zip(distance, asked, strict=False):
            if grades is not last:
                last = grades
                offset = -grades & np.uint8(bits + 1) if paired else grades * np.int64(bits + 1)
            if histogram is None:
                found = np.bincount(d + offset, minlength=table[query].size)
            else:
                found = histogram(np.add(d, offset, out=d))
            table[query] += found.reshape(depth, -1).T


def _add_compiled(
    table: NDArray[np.int64],
    rows: NDArray[np.intp],
    codes: NDArray[np.uint8],
    columns: NDArray[np.uint8],
    asked: Asked,
) -> None:
    """The same, with bytes in the place of words."""
    from crossmodal_hash.metrics.compiled import Histogram

    bits, depth, n = table.shape[1] - 1, table.shape[2], columns.shape[1]
    histogram = Histogram(BLOCK, (bits + 1) * depth)
    scratch = np.empty((BLOCK, n), np.min_scalar_type(depth - 1))
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        grades = scratch[: len(block)]
        for row, (_, of_query) in zip(grades, asked, strict=False):
            row[:] = of_query
        table[block] += histogram(codes[block], columns, grades, bits + 1).reshape(len(block), depth, -1).mT


Asked = Iterator[tuple[int, NDArray[Any]]]
"""Query numbers, each with the grades of one stretch of the database."""


def _grades(rows: NDArray[np.intp], level: Grades, group: NDArray[np.int64]) -> Asked:
    """Each query with the grades of the stretch, found once for the queries of one group."""
    last, grades = -1, np.empty(0, np.uint8)
    for query in rows.tolist():
        if group[query] != last:
            last, grades = group[query], level(query)
        yield query, grades


class _PairHistogram:
    """Counts bytes below `used` two at a time: half the steps of the slow loop.

    Two bytes x, y are the number x + 256 y, or y + 256 x: either way the row sums plus the column sums of the
    256 x 256 table of pairs are the counts of single bytes. `numpy.add.at` needs a third less time than `bincount`,
    which looks for the extremes first and makes a new table each time.
    """

    def __init__(self, size: int, used: int) -> None:
        self.index = np.empty(size // 2, np.intp)
        self.pairs = np.zeros((used, 256), np.int64)
        self.used = used

    def __call__(self, key: NDArray[np.uint8]) -> NDArray[np.int64]:
        even = len(key) & ~1
        np.copyto(self.index, key[:even].view(np.uint16))
        self.pairs.fill(0)
        np.add.at(self.pairs.reshape(-1), self.index, 1)
        square = self.pairs[:, : self.used]
        single = square.sum(axis=0) + square.sum(axis=1)
        single[key[even:]] += 1
        return np.asarray(single)


def _before(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(np.cumsum(x, axis=1) - x)
