"""Recognizes codes in matrices from any source, without guessing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.array_files import is_matrix
from crossmodal_hash.codes.bits import check_packed, pack_ones
from crossmodal_hash.errors import CodesError


def codes_from_matrix(matrix: NDArray[Any], *, bits: int | None = None, rows: int | None = None) -> NDArray[np.uint8]:
    """Recognize a matrix of codes and pack it: -1 / +1, 0 / 1, or already packed bytes.

    A matrix of one constant value is accepted if the value belongs to either pair (all ones: every bit is 1). Packed
    bytes are only accepted if `bits` is given and the padding is zero.

    Args:
        matrix: (N, K) in {-1, +1} or {0, 1}, or packed uint8 (N, ceil(K / 8)).
        bits: K; must be given for packed bytes, and is checked otherwise.
        rows: N known from labels or ids, checked if given.

    Returns:
        Packed codes, uint8 (N, ceil(K / 8)).

    Raises:
        CodesError: if the values are not those of codes, or K or N do not fit.

    Example:
        >>> codes_from_matrix(np.array([[1, -1, 1]]))
        array([[5]], dtype=uint8)
        >>> codes_from_matrix(np.array([[1, 0, 1]]))
        array([[5]], dtype=uint8)
    """
    if not is_matrix(matrix):
        raise CodesError(f"codes are a matrix of numbers, not {matrix.dtype} of shape {matrix.shape}")
    n, width = matrix.shape
    if rows is not None and n != rows:
        hint = "; its columns do, so it looks transposed" if width == rows else ""
        raise CodesError(f"the matrix has {n} rows, which does not match the {rows} items of the labels or ids{hint}")
    if bits is not None and width != bits:
        check_packed(matrix, bits)
        if bits % 8 and (matrix[:, -1] >> (bits % 8)).any():
            raise CodesError(f"the padding after bit {bits} is not zero; is the bit order big-endian, or K larger?")
        return np.ascontiguousarray(matrix)
    return pack_ones(_ones(matrix))


def _ones(matrix: NDArray[Any]) -> NDArray[np.bool_]:
    one = matrix == 1
    zero, minus = matrix == 0, matrix == -1
    if (one | zero).all() or (one | minus).all():
        return np.asarray(one)
    strange = ~(one | zero | minus)
    if strange.any():
        row, column = np.argwhere(strange)[0]
        hint = "; for packed bytes give the number of bits" if matrix.dtype == np.uint8 else ""
        raise CodesError(
            f"row {row}, column {column} holds {matrix[row, column]}; a matrix of codes holds only -1 and +1, "
            f"or only 0 and 1{hint}"
        )
    row, column = np.argwhere(zero)[0]
    raise CodesError(
        f"the matrix holds -1, 0 and +1 (a 0 in row {row}, column {column}); a code has two values, and sign(0) = 0 is "
        f"the usual cause, so save the codes before the sign or use x >= 0"
    )
