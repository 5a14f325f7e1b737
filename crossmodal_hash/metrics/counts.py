"""The table that every metric is computed from: items and relevant items at each distance, per query.

Counting streams over the database in constant memory. Per query and code it needs one `xor`, one population count and
half a step of a histogram: the keys of two neighboring codes, distance and relevance in one byte, are counted as one
16-bit number. Three engines give the same result: `on_numpy`, `on_numba` (machine code) and `on_device` (a GPU).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.bits import check_packed
from crossmodal_hash.errors import CodesError, SettingsError, ShapeError, did_you_mean
from crossmodal_hash.metrics import on_numpy
from crossmodal_hash.metrics.database_block import DatabaseBlock
from crossmodal_hash.metrics.relevance import Pairs, Relevance

Engine = Literal["numpy", "numba", "torch"]
BLOCK_ITEMS = 262_144
"""Codes processed at once: with 8 queries their keys take 2 MB, the size of a second-level cache."""
BLOCK_BYTES = 33_554_432
"""The same for long codes, of which fewer are processed at once."""
COMPILING = 500_000_000
"""From this number of pairs of a query and an item, compiling takes less time than it saves."""
LISTED = 1_048_576
"""Listed pairs compared at once."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Items in groups of equal rank, nearest group first: G = K + 1 distances, or finer groups for a fixed order.

    Attributes:
        items: int64 (Q, G), items in each group.
        relevant: int64 (Q, G), the relevant ones among them.
        shared: int64 (Q, G), sum of the grades g, or None if not requested.
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
        """Items ranked for each query, (Q,): N without those left out."""
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
    engine: Engine | None = None,
    device: str = "cpu",
) -> Counts:
    """Count items and relevant items at each Hamming distance 0..K from each query.

    Args:
        queries: packed codes, uint8 (Q, ceil(K / 8)), Q >= 1.
        database: packed codes, uint8 (N, ceil(K / 8)), N >= 1; may be a memory map, which is read in blocks.
        bits: K, 1..32767.
        relevance: which items are relevant to which query.
        gains: also sum the grades; about twice as slow.
        leave_out: pairs that do not count, such as a query and itself in the database.
        threads: threads that share the queries; None uses two if the machine has them, or all if the loop is compiled
            (otherwise more threads help little, because the histogram locks the interpreter). A GPU uses one.
        engine: implementation, with the same result: `numpy`; `numba`, which compiles the inner loop (extra `fast`);
            `torch`. None uses torch on a GPU, numba if it is installed and the table is large, and otherwise numpy.
        device: `cpu`, or `cuda`, `cuda:N` or `auto` as for training. Anything but `cpu` imports torch.

    Returns:
        Counts with K + 1 groups.

    Raises:
        CodesError: if there is no query or no item, or the codes do not have K bits.
        ShapeError: if the relevance is for other numbers of queries or items.
        SettingsError: if threads < 1, or engine or device are unknown, not installed, or do not fit together.

    Example:
        >>> from crossmodal_hash.metrics.relevance import Labels
        >>> codes, labels = np.array([[0], [1], [3]], dtype=np.uint8), np.array([[1], [0], [1]])
        >>> table = count(codes[:1], codes, 2, Labels(labels[:1], labels))
        >>> table.items.tolist(), table.relevant.tolist()
        ([[1, 1, 1]], [[1, 0, 1]])
    """
    check_sizes(queries, database, bits, relevance)
    block, most = _choose(engine, device, len(queries) * len(database))
    workers = most if threads is None else threads
    if workers < 1:
        raise SettingsError(f"threads must be at least 1, not {threads}")
    table = np.zeros((len(queries), bits + 1, relevance.max_grade + 1 if gains else 2), np.int64)
    dense, looked_up = table, relevance
    if isinstance(relevance, Pairs):
        # A list of pairs is short: all items are counted as not relevant, and the listed ones moved afterwards.
        dense, looked_up = table[:, :, :1], Pairs(np.empty(0), np.empty(0), relevance.queries, relevance.items)
    rows = np.argsort(looked_up.group, kind="stable")
    step = max(1, min(BLOCK_ITEMS, BLOCK_BYTES // queries.shape[1]))
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(database), step):
            share = block(dense, queries, database[start : start + step], looked_up, start)
            list(pool.map(share, np.array_split(rows, workers)))
    if isinstance(relevance, Pairs):
        _add_listed(table, queries, database, relevance, np.zeros_like(relevance.grade), -1)
        _add_listed(table, queries, database, relevance, relevance.grade, 1)
    if leave_out is not None:
        _add_listed(table, queries, database, leave_out, relevance.of_pairs(leave_out), -1)
    return from_table(table, gains=gains)


def from_table(table: NDArray[np.int64], *, gains: bool) -> Counts:
    """Counts from the number of items per query, group and grade, (Q, G, max grade + 1)."""
    items, relevant = table.sum(axis=2), table[:, :, 1:].sum(axis=2)
    if not gains:
        return Counts(items, relevant)
    g = np.arange(table.shape[2])
    return Counts(items, relevant, table @ g, table @ (2.0**g - 1), table.sum(axis=1))


def check_sizes(queries: NDArray[np.uint8], database: NDArray[np.uint8], bits: int, relevance: Relevance) -> None:
    """Reject an empty side, codes of another length, and relevance for other items.

    Raises:
        CodesError: if there is no query or no item, or the codes do not have K bits.
        ShapeError: if the relevance is for other numbers of queries or items.
    """
    check_packed(queries, bits)
    check_packed(database, bits)
    if bits > 32_767:
        raise CodesError(f"codes can have at most 32767 bits, not {bits}")
    if len(queries) == 0 or len(database) == 0:
        raise CodesError(f"nothing to rank: {len(queries)} queries, {len(database)} database items; both must be >= 1")
    if (relevance.queries, relevance.items) != (len(queries), len(database)):
        raise ShapeError(
            f"relevance is known for {relevance.queries} queries x {relevance.items} items, but the codes are "
            f"{len(queries)} x {len(database)}"
        )


def _choose(engine: Engine | None, device: str, pairs: int) -> tuple[Callable[..., DatabaseBlock], int]:
    """The class that counts a block of the database, and how many threads it can use."""
    known = get_args(Engine)
    if engine is not None and engine not in known:
        raise SettingsError(f"unknown engine {engine!r}{did_you_mean(engine, known)}; known are {', '.join(known)}")
    if engine == "torch" or device != "cpu":
        from crossmodal_hash.device import pick_device
        from crossmodal_hash.metrics import on_device

        where = pick_device(device)
        if engine == "torch" or where.type != "cpu":
            if engine not in (None, "torch"):
                raise SettingsError(f"{engine} counts only on the CPU; leave out engine or device {device!r}")
            return partial(on_device.DeviceBlock, device=where), 1
    cores = os.cpu_count() or 1
    installed = importlib.util.find_spec("numba") is not None
    if engine == "numba" or (engine is None and installed and pairs >= COMPILING):
        if not installed:
            raise SettingsError("engine 'numba' is not installed; install it with 'pip install crossmodal-hash[fast]'")
        from crossmodal_hash.metrics import on_numba

        return on_numba.NumbaBlock, cores
    return on_numpy.NumpyBlock, min(2, cores)


def _add_listed(
    table: NDArray[np.int64],
    queries: NDArray[np.uint8],
    database: NDArray[np.uint8],
    pairs: Pairs,
    grade: NDArray[np.int64],
    number: int,
) -> None:
    """Count single pairs `number` times, by their distance and grade."""
    for start in range(0, len(pairs), LISTED):
        part = slice(start, start + LISTED)
        query = pairs.query[part]
        xor = queries[query] ^ database[pairs.item[part]]
        distance = np.bitwise_count(xor).sum(axis=1, dtype=np.int64)
        np.add.at(table, (query, distance, np.minimum(grade[part], table.shape[2] - 1)), number)


def _before(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(np.cumsum(x, axis=1) - x)
