"""How a query without a relevant item in the database (R = 0) counts."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import DataError

Empty = Literal["zero", "skip", "one", "error"]


def settle_empty(values: NDArray[np.float64], relevant: NDArray[np.int64], empty: Empty) -> NDArray[np.float64]:
    """Apply the policy to the values of the queries with R = 0.

    `zero` keeps the value of a metric that found nothing (0, or the rank after the last item), as usual in DCMH and
    this field. `skip` leaves the query out of the mean (HashNet, UCCH), `one` counts it as 1, `error` is an error.

    Args:
        values: per query, (Q,).
        relevant: R per query, (Q,).
        empty: the policy.

    Returns:
        (Q,); NaN marks a query that is left out.

    Raises:
        DataError: for `error` if there is such a query, for `skip` if there is no other query.

    Example:
        >>> settle_empty(np.array([0.5, 0.0]), np.array([3, 0]), "skip")
        array([0.5, nan])
    """
    none = relevant == 0
    if empty == "zero" or not none.any():
        return values
    if empty == "error":
        raise DataError(
            f"{int(none.sum())} of {len(none)} queries have no relevant item, the first is number "
            f"{int(np.argmax(none))}; remove them or choose empty = zero, skip or one"
        )
    if empty == "skip" and none.all():
        raise DataError(f"none of the {len(none)} queries has a relevant item, so nothing is left to average")
    return np.where(none, np.nan if empty == "skip" else 1.0, values)
