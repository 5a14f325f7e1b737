"""Hamming distance of packed codes by 64-bit words and the processor's population count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.bits import check_packed

TILE = 16_384
"""Codes processed at once: 16k x 8 queries of one word fit in the second-level cache."""


def distances(a: NDArray[np.uint8], b: NDArray[np.uint8], bits: int) -> NDArray[Any]:
    """All Hamming distances between two sets of packed codes; equals (K - <a, b>) / 2 for codes in {-1, +1}.

    The whole matrix is built, so keep Q x N small; `crossmodal_hash.metrics.count` streams instead.

    Args:
        a: packed codes, uint8 (Q, ceil(K / 8)), padding zero.
        b: packed codes, uint8 (N, ceil(K / 8)), padding zero.
        bits: K, >= 1.

    Returns:
        (Q, N) in 0..K, uint8 up to 255 bits and uint16 beyond.

    Raises:
        CodesError: if a or b is not a packed matrix of `bits` bits.

    Example:
        >>> a = np.array([[0b0001]], dtype=np.uint8)
        >>> b = np.array([[0b0001], [0b1110]], dtype=np.uint8)
        >>> distances(a, b, 4)
        array([[0, 4]], dtype=uint8)
    """
    check_packed(a, bits)
    check_packed(b, bits)
    out = np.empty((len(a), len(b)), distance_dtype(bits))
    columns = np.ascontiguousarray(to_words(b).T)
    words = to_words(a)
    for row in range(0, len(a), 8):
        fill_distances(words[row : row + 8], columns, out[row : row + 8])
    return out


def distance_dtype(bits: int) -> type[np.unsignedinteger[Any]]:
    """The smallest unsigned type that holds the distances 0..bits."""
    return np.uint8 if bits <= 255 else np.uint16


def to_words(packed: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Packed bytes as 64-bit words, zero padded, so that xor and population count see eight bytes at once.

    Args:
        packed: uint8 (N, bytes), C-contiguous or not, memory-mapped or not.

    Returns:
        uint64 (N, ceil(bytes / 8)); a view if the bytes already form whole words.

    Example:
        >>> to_words(np.ones((2, 3), dtype=np.uint8)).shape
        (2, 1)
    """
    rows, width = packed.shape
    missing = -width % 8
    whole = np.ascontiguousarray(np.pad(packed, ((0, 0), (0, missing))) if missing else packed)
    return whole.view(np.uint64).reshape(rows, (width + missing) // 8)


def fill_distances(queries: NDArray[np.uint64], columns: NDArray[np.uint64], out: NDArray[Any]) -> None:
    """Write the distances of a few queries to many codes into `out`, tile by tile.

    Args:
        queries: words of the queries, (q, W).
        columns: words of the codes, one row per word, (W, n), contiguous: each pass reads one word of every code.
        out: (q, n), `distance_dtype` of the number of bits; overwritten.
    """
    n = columns.shape[1]
    xor = np.empty((len(queries), min(TILE, n)), np.uint64)
    for start in range(0, n, TILE):
        tile = out[:, start : start + TILE]
        scratch = xor[:, : tile.shape[1]]
        for word, column in enumerate(columns[:, start : start + TILE]):
            np.bitwise_xor(queries[:, word, None], column, out=scratch)
            if word == 0:
                np.bitwise_count(scratch, out=tile)
            else:
                np.add(tile, np.bitwise_count(scratch), out=tile)
