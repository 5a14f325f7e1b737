"""The inner loop of counting as tensor operations, for a GPU; the only module of `metrics` that needs torch.

Distances and shared labels are matrix products. Their factors are -1, 0 or 1, which are exact in every format that a
GPU multiplies in, and their sums are whole numbers far below 2^24, which float32 adds exactly: the counts equal those
of numpy for any setting of TF32 or matmul precision. Autocast, which would round the sums, is disabled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossmodal_hash.metrics.database_block import DatabaseBlock
from crossmodal_hash.metrics.relevance import Labels, each_query

PAIRS = 4_194_304
"""Pairs of a query and an item processed at once: their products and keys take about 100 MB."""
NUMBERS = 8_388_608
"""Bits of codes and labels unpacked at once, 5 bytes for each."""
CELLS = 4_096
"""Cells of the histogram of one block: the number that a GPU counts in its fast shared memory."""


@dataclass(eq=False)
class DeviceBlock(DatabaseBlock):
    """Counts tiles of queries and items, of a size that fits a GPU.

    Attributes:
        device: where to count.
    """

    device: torch.device = field(kw_only=True)

    def __call__(self, rows: NDArray[np.intp]) -> None:
        """Count for some queries."""
        width = self.items.shape[1] + (self.relevance.bytes.shape[1] if isinstance(self.relevance, Labels) else 0)
        step = max(1, NUMBERS // (8 * width))
        with torch.autocast(self.device.type, enabled=False):
            for start in range(0, len(self.items), step):
                self._add(rows, start, min(start + step, len(self.items)))

    def _add(self, rows: NDArray[np.intp], start: int, stop: int) -> None:
        groups, depth = self.table.shape[1:]
        codes = signs(self._send(self.items[start:stop]))
        graded = self._grades(start, stop)
        block = max(1, min(PAIRS // len(codes), CELLS // (groups * depth)))
        for first in range(0, len(rows), block):
            some = rows[first : first + block]
            distance = distances(signs(self._send(self.queries[some])), codes)
            key = keys(distance, graded(some), groups, depth)
            found = torch.bincount(key.flatten(), minlength=len(some) * groups * depth)
            self.table[some] += found.cpu().numpy().reshape(len(some), groups, depth)

    def _grades(self, start: int, stop: int) -> Callable[[NDArray[np.intp]], Tensor | None]:
        """Queries -> int32 (q, n), their grades of the items start..stop; None if there is only one grade."""
        relevance, depth = self.relevance, self.table.shape[2]
        if depth == 1:
            return lambda rows: None
        if isinstance(relevance, Labels):
            labels = ones(self._send(relevance.packed(self.start + start, self.start + stop)))
            return lambda rows: shared(ones(self._send(relevance.bytes[rows])), labels, graded=depth > 2)
        of_query = self.level(start, stop)

        def of_rows(rows: NDArray[np.intp]) -> Tensor:
            found = [grades for _, grades in each_query(rows, of_query, relevance.group)]
            return torch.from_numpy(np.stack(found).astype(np.int32)).to(self.device)

        return of_rows

    def _send(self, packed: NDArray[np.uint8]) -> Tensor:
        """Packed bits on the device; a read-only memory map is copied first."""
        return torch.from_numpy(np.array(packed, order="C")).to(self.device)


def ones(packed: Tensor) -> Tensor:
    """Packed bits as numbers: uint8 (n, bytes) -> float32 (n, 8 bytes) in {0, 1}."""
    place = torch.arange(8, dtype=torch.uint8, device=packed.device)
    return ((packed[:, :, None] >> place) & 1).flatten(1).to(torch.float32)


def signs(packed: Tensor) -> Tensor:
    """The same in {-1, +1}; padding is -1 on both sides, and adds no distance."""
    return ones(packed).mul_(2).sub_(1)


def distances(queries: Tensor, codes: Tensor) -> Tensor:
    """Hamming distances of codes in {-1, +1}, (q, W) and (n, W) -> int32 (q, n): (W - <a, b>) / 2."""
    return (queries @ codes.T).sub_(queries.shape[1]).mul_(-0.5).to(torch.int32)


def shared(queries: Tensor, labels: Tensor, *, graded: bool) -> Tensor:
    """Number of shared labels, (q, C) and (n, C) in {0, 1} -> int32 (q, n); 0 or 1 unless `graded`."""
    found = queries @ labels.T
    return (found if graded else found > 0).to(torch.int32)


def keys(distance: Tensor, grade: Tensor | None, groups: int, depth: int) -> Tensor:
    """One number for each query, distance and grade; overwrites `distance`.

    Args:
        distance: int32 (q, n), in 0..groups - 1.
        grade: int32 (q, n), in 0..depth - 1; None for all 0.
        groups: K + 1.
        depth: number of grades.

    Returns:
        int32 (q, n), in 0..q groups depth - 1.
    """
    row = torch.arange(len(distance), dtype=torch.int32, device=distance.device)[:, None]
    distance.mul_(depth).add_(row * (groups * depth))
    return distance if grade is None else distance.add_(grade)
