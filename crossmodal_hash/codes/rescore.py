"""A second look at the nearest codes by the query's values before the sign: better answers from the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.bits import unpack
from crossmodal_hash.errors import ShapeError

FIRST = 100
"""How many of the nearest codes are looked at again: on the embedded drawings as good as all of them."""


def rescore(u: NDArray[Any], items: NDArray[np.uint8], bits: int) -> NDArray[np.int64]:
    """The order of some codes by a query before the sign: a bit counts as much as the query is sure of it.

    Largest inner product of u with the codes in {-1, 1} first, which is the asymmetric distance of Jegou, Douze and
    Schmid (TPAMI 2011) for codes of one bit a dimension. Items with the same product keep their order.

    Args:
        u: real code of the query, (K,), finite.
        items: packed codes, uint8 (R, ceil(K / 8)).
        bits: K.

    Returns:
        Positions of the items, (R,).

    Raises:
        ShapeError: if u does not have K values.

    Example:
        >>> items = np.array([[0b01], [0b10]], dtype=np.uint8)
        >>> rescore(np.array([0.1, 0.9]), items, 2).tolist()
        [1, 0]
    """
    if u.shape != (bits,):
        raise ShapeError(f"a query before the sign has {bits} values, not {u.shape}")
    return np.argsort(-(unpack(items, bits).astype(np.float64) @ u.astype(np.float64)), kind="stable")
