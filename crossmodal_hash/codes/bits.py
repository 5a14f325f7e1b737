"""The sign rule and bit order; nothing else in the package calls `sign` or `packbits` on codes.

x >= 0 is +1 and bit 1, otherwise -1 and bit 0. Bit j is bit j % 8 of byte j // 8, least significant first, and the
padding of the last byte is zero, so any prefix of a code is a prefix of its bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossmodal_hash.errors import CodesError


def binarize(x: ArrayLike) -> NDArray[np.int8]:
    """Real codes to -1 / +1 by the sign rule x >= 0 -> +1, so 0 and -0.0 are +1.

    Args:
        x: real codes before the sign, (N, K), any finite or infinite values; K >= 1.

    Returns:
        int8 (N, K) in {-1, +1}.

    Raises:
        CodesError: if x is not a real (N, K) matrix with K >= 1, or holds NaN.

    Example:
        >>> binarize([[0.0, -0.3, 2.0]])
        array([[ 1, -1,  1]], dtype=int8)
    """
    return np.where(_positive(x), np.int8(1), np.int8(-1))


def pack(x: ArrayLike) -> NDArray[np.uint8]:
    """Real or -1 / +1 codes to packed bits; the layout of FAISS's `fvecs2bitvecs`.

    A 0 / 1 matrix is not a code before the sign (0 is +1 here): turn it into -1 / +1 first.

    Args:
        x: codes, (N, K), real or in {-1, +1}; K >= 1.

    Returns:
        uint8 (N, ceil(K / 8)), padding zero.

    Raises:
        CodesError: if x is not a real (N, K) matrix with K >= 1, or holds NaN.

    Example:
        >>> pack([[1, -1, 1, 1, -1, -1, -1, -1, 0.0]])
        array([[13,  1]], dtype=uint8)
    """
    return pack_ones(_positive(x))


def pack_ones(ones: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Where each bit is +1, bool (N, K), to packed bits as `pack` lays them out.

    Example:
        >>> pack_ones(np.array([[True, False, True]]))
        array([[5]], dtype=uint8)
    """
    return np.packbits(ones, axis=1, bitorder="little")


def unpack(packed: NDArray[np.uint8], bits: int) -> NDArray[np.int8]:
    """Packed bits back to -1 / +1, without the padding.

    Args:
        packed: uint8 (N, ceil(K / 8)).
        bits: K, >= 1.

    Returns:
        int8 (N, K) in {-1, +1}.

    Raises:
        CodesError: if `packed` is not uint8 (N, ceil(K / 8)).

    Example:
        >>> unpack(np.array([[13, 1]], dtype=np.uint8), 9)
        array([[ 1, -1,  1,  1, -1, -1, -1, -1,  1]], dtype=int8)
    """
    check_packed(packed, bits)
    ones = np.unpackbits(packed, axis=1, count=bits, bitorder="little")
    return (ones.astype(np.int8) << 1) - np.int8(1)


def check_packed(packed: NDArray[Any], bits: int) -> None:
    """Reject anything that is not uint8 (N, ceil(bits / 8)); the padding bits are not checked.

    Raises:
        CodesError: with the actual shape and the shape that `bits` needs.
    """
    if bits < 1:
        raise CodesError(f"a code has at least 1 bit, not {bits}")
    width = -(-bits // 8)
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != width:
        raise CodesError(
            f"packed codes of {bits} bits are a uint8 matrix with {width} columns, "
            f"not {packed.dtype} of shape {packed.shape}; check the number of bits"
        )


def _positive(x: ArrayLike) -> NDArray[np.bool_]:
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] < 1:
        raise CodesError(f"codes are an (N, K) matrix with K >= 1, not an array of shape {x.shape}")
    if x.dtype.kind not in "fiub":
        raise CodesError(f"codes are real numbers, not {x.dtype}; convert them first")
    if x.dtype.kind == "f" and np.isnan(x).any():
        row, column = np.argwhere(np.isnan(x))[0]
        raise CodesError(f"the code in row {row} has NaN in column {column}; a NaN has no sign, so fix the encoder")
    return np.asarray(x >= 0)
