"""Texts and matrices: the modalities of a data set that are not pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.errors import DataError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Rows = Sequence[int] | NDArray[np.integer]


@dataclass(frozen=True)
class Texts:
    """N texts as they were written.

    Attributes:
        items: N texts, in the order of the ids.
    """

    kind: ClassVar[Literal["text"]] = "text"
    items: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: Rows) -> Texts:
        """The texts at `rows` (M,), in that order."""
        return Texts(tuple(self.items[row] for row in rows))

    def fingerprint(self) -> str:
        """SHA-256 over the texts in order."""
        return digest(text.encode("utf-8", "surrogatepass") for text in self.items)


@dataclass(frozen=True, eq=False)
class Matrix:
    """N rows of D numbers, made elsewhere: features of pictures, or words of texts.

    Attributes:
        values: (N, D), float32 or uint8, dense or `scipy.sparse` CSR. `as_matrix` makes one from anything numeric.
    """

    kind: ClassVar[Literal["vector"]] = "vector"
    values: NDArray[Any] | csr_matrix

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


def as_labels(values: Any, where: str) -> NDArray[np.uint8]:
    """Numbers from a file as labels, (N, C) uint8 in {0, 1}.

    Raises:
        DataError: if there is a value other than 0 and 1, or no item has a label.
    """
    dense = values if isinstance(values, np.ndarray) else values.toarray()
    if dense.ndim != 2 or 0 in dense.shape or dense.dtype.kind not in "biuf":
        raise DataError(
            f"{where} has shape {tuple(dense.shape)} of {dense.dtype}; labels are 0/1 with a column a class"
        )
    wrong = (dense != 0) & (dense != 1)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"{where} has the value {dense[row, column]} in row {row}, column {column}; labels are 0/1 with a column a "
            f"class, so turn class numbers into such rows"
        )
    if not dense.any():
        raise DataError(f"none of the {len(dense)} items in {where} has a label; at least one must")
    return np.ascontiguousarray(dense, dtype=np.uint8)
