"""The inner loop of counting as machine code, by numba if it is installed (the extra `fast`).

`counts` imports this only if a table is large enough to be worth compiling, or on request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.ones_on_numba import ones_of_byte
from crossmodal_hash.metrics.database_block import DatabaseBlock
from crossmodal_hash.metrics.relevance import each_query

BLOCK = 8
"""Queries processed at once, with their grades side by side."""
TILE = 4_096
"""Keys computed at once: they are counted while they are in the first-level cache."""


@dataclass(eq=False)
class NumbaBlock(DatabaseBlock):
    """Counts several queries in one call of the compiled loop."""

    def __post_init__(self) -> None:
        self.codes, self.columns = np.asarray(self.queries), np.ascontiguousarray(self.items.T)
        self.of_query = self.level(0, len(self.items))

    def __call__(self, rows: NDArray[np.intp]) -> None:
        """Count for some queries."""
        groups, depth, n = *self.table.shape[1:], self.columns.shape[1]
        histogram = Histogram(BLOCK, groups * depth)
        scratch = np.empty((BLOCK, n), np.min_scalar_type(depth - 1))
        asked = each_query(rows, self.of_query, self.relevance.group)
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            grades = scratch[: len(block)]
            for row, (_, of_query) in zip(grades, asked, strict=False):
                row[:] = of_query
            found = histogram(self.codes[block], self.columns, grades, groups)
            self.table[block] += found.reshape(len(block), depth, groups).mT


class Histogram:
    """Counts the keys of a few queries at a time; for one thread.

    Args:
        rows: number of queries at a time.
        size: number of different keys.
    """

    def __init__(self, rows: int, size: int) -> None:
        dtype = np.min_scalar_type(size - 1)
        self.narrow = dtype == np.uint8
        self.key = np.empty(TILE, dtype)
        self.tables = np.zeros((rows, size * 256 if self.narrow else size * 4), np.uint32)
        self.out = np.zeros((rows, size), np.int64)

    def __call__(
        self, codes: NDArray[np.uint8], columns: NDArray[np.uint8], grades: NDArray[Any], step: int
    ) -> NDArray[np.int64]:
        """Count the keys of up to `rows` queries.

        Args:
            codes: packed codes of the queries, (q, bytes).
            columns: packed codes of the items, one row per byte, (bytes, n), n < 2^32, contiguous.
            grades: (q, n), unsigned.
            step: the key is distance + step * grade, which must stay below `size`.

        Returns:
            int64 (q, size); overwritten by the next call.
        """
        out = self.out[: len(codes)]
        out.fill(0)
        count = _count_pairs if self.narrow else _count_keys
        count(codes, columns, grades, step, self.key, self.tables, out)
        return out


def _keys_of_tile(code: Any, columns: Any, start: Any, grades: Any, step: Any, key: Any) -> None:
    """Distance + step * grade, four bytes of the codes at a time, which needs fewer passes over the keys."""
    kind, stop, width = key.dtype.type, start + len(grades), len(code)
    whole = width - width % 4
    for i in range(len(grades)):
        key[i] = kind(grades[i]) * kind(step)
    for w in range(0, whole, 4):
        # A slice of one row is known to be contiguous, which the compiler needs for vectors; a row of a slice is not.
        a, b = columns[w, start:stop], columns[w + 1, start:stop]
        c, d = columns[w + 2, start:stop], columns[w + 3, start:stop]
        qa, qb, qc, qd = code[w], code[w + 1], code[w + 2], code[w + 3]
        for i in range(len(grades)):
            key[i] += kind(
                ones_of_byte(a[i] ^ qa) + ones_of_byte(b[i] ^ qb) + ones_of_byte(c[i] ^ qc) + ones_of_byte(d[i] ^ qd)
            )
    for w in range(whole, width):
        a, qa = columns[w, start:stop], code[w]
        for i in range(len(grades)):
            key[i] += kind(ones_of_byte(a[i] ^ qa))


_fill: Any = numba.njit(nogil=True, cache=True)(_keys_of_tile)


def _pairs(codes: Any, columns: Any, grades: Any, step: Any, key: Any, tables: Any, out: Any) -> None:
    """Keys in one byte: two neighbors are one 16-bit number, which halves the steps (see `counts`)."""
    n, size = columns.shape[1], out.shape[1]
    two = key.view(np.uint16)
    for start in range(0, n, TILE):
        length = min(TILE, n - start)
        for q in range(len(codes)):
            _fill(codes[q], columns, start, grades[q, start : start + length], step, key)
            table = tables[q]
            for i in range(length // 2):
                table[two[i]] += 1
            if length % 2:
                out[q, key[length - 1]] += 1
    for q in range(len(codes)):
        for x in range(size):
            total = 0
            for y in range(size):
                found = tables[q, 256 * x + y]
                total += found
                out[q, y] += found
            out[q, x] += total
        tables[q] = 0


def _keys(codes: Any, columns: Any, grades: Any, step: Any, key: Any, tables: Any, out: Any) -> None:
    """Wider keys: four tables, so that equal neighbors do not wait for each other."""
    n, size = columns.shape[1], out.shape[1]
    for start in range(0, n, TILE):
        length = min(TILE, n - start)
        for q in range(len(codes)):
            _fill(codes[q], columns, start, grades[q, start : start + length], step, key)
            table = tables[q]
            for i in range(length):
                table[(i & 3) * size + key[i]] += 1
    for q in range(len(codes)):
        for x in range(size):
            for part in range(4):
                out[q, x] += tables[q, part * size + x]
        tables[q] = 0


_count_pairs: Any = numba.njit(nogil=True, cache=True)(_pairs)
_count_keys: Any = numba.njit(nogil=True, cache=True)(_keys)
