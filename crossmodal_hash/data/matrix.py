"""Rows of numbers: features of pictures or texts, or words that were counted elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.data.source import Rows, Source, View
from crossmodal_hash.errors import DataError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Matrix(Source):
    """N rows of D numbers, made elsewhere: features of pictures, or words of texts.

    Attributes:
        values: (N, D), float32 or uint8, dense or `scipy.sparse` CSR. `as_matrix` makes one from anything numeric.
    """

    values: NDArray[Any] | csr_matrix

    kind = "vector"
    things = "rows"
    feeds = frozenset({"vector", "text", "label"})

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def width(self) -> int:
        """D, the length of a row."""
        return int(self.values.shape[1])

    def take(self, rows: Rows) -> Matrix:
        """The rows `rows` (M,), in that order."""
        return Matrix(self.values[np.asarray(rows, dtype=np.int64)])

    def dense(self, rows: Rows) -> NDArray[np.float32]:
        """The rows `rows` as a dense (M, D) float32 array, ready for a tower."""
        part = self.values[np.asarray(rows, dtype=np.int64)]
        full = part if isinstance(part, np.ndarray) else part.toarray()
        return np.ascontiguousarray(full, dtype=np.float32)

    def content(self, row: int) -> bytes:
        """The row as float32."""
        return self.dense([row]).tobytes()

    def batches(self, plan: Sequence[NDArray[np.integer]], view: View | None = None) -> Iterator[Tensor]:
        """float32 (B, D) for each entry of `plan`."""
        import torch

        for rows in plan:
            yield torch.from_numpy(self.dense(rows))

    def fingerprint(self) -> str:
        """SHA-256 over shape, type and values; the same values stored dense and sparse differ."""
        values = self.values
        parts = [values] if isinstance(values, np.ndarray) else [values.indptr, values.indices, values.data]
        arrays = [np.ascontiguousarray(part) for part in parts]
        head = " ".join([str(values.shape), *(str(part.dtype) for part in arrays)])
        return digest([head.encode(), *(part.data for part in arrays)])


def as_matrix(values: Any, where: str) -> Matrix:
    """Numbers from a file as a `Matrix`; whole numbers from 0 to 255 stay uint8, all others become float32.

    Args:
        values: (N, D), any numeric type, dense or sparse.
        where: the file and key, for messages.

    Raises:
        DataError: if it is not a matrix of finite numbers, or has no rows or columns.
    """
    from scipy.sparse import csr_matrix, issparse

    if values.ndim == 4:
        raise DataError(
            f"{where} holds raw pixels {values.shape}; save the pictures as files beside a metadata.jsonl, "
            f"or give features with one row an item"
        )
    if values.ndim != 2 or 0 in values.shape:
        raise DataError(f"{where} has shape {tuple(values.shape)}; a matrix with one row an item is needed")
    if values.dtype.kind not in "biuf":
        raise DataError(f"{where} holds {values.dtype}, not numbers; give real numbers")
    sparse = issparse(values)
    if sparse:
        values = csr_matrix(values)
        values.sum_duplicates()
    numbers: NDArray[Any] = values.data if sparse else values
    small = values.dtype.kind in "biu" and (numbers.size == 0 or (numbers.min() >= 0 and numbers.max() <= 255))
    with np.errstate(over="ignore"):
        numbers = numbers.astype(np.uint8 if small else np.float32)
    if not small and not np.isfinite(numbers).all():
        count = int(numbers.size - np.isfinite(numbers).sum())
        raise DataError(f"{where} has {count} values that are NaN or infinite as float32; repair or drop these rows")
    if sparse:
        return Matrix(csr_matrix((numbers, values.indices, values.indptr), shape=values.shape))
    return Matrix(np.ascontiguousarray(numbers))
