"""Labels as a 0/1 matrix, from names or from numbers in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import DataError


def label_matrix(
    rows: Sequence[Iterable[str]], names: Sequence[str] | None = None
) -> tuple[NDArray[np.uint8] | None, tuple[str, ...]]:
    """The labels of some items, one column per label.

    Args:
        rows: the labels of each of N items.
        names: C labels in the order of the columns, which include all that occur; None: those that occur, sorted.

    Returns:
        (N, C) uint8 in {0, 1} and the C names; None for the matrix if no item has a label.

    Example:
        >>> label_matrix([["sky", "sea"], [], ["sea"]])
        (array([[1, 1],
               [0, 0],
               [1, 0]], dtype=uint8), ('sea', 'sky'))
    """
    sets = [set(row) for row in rows]
    known = tuple(sorted(set().union(*sets))) if names is None else tuple(names)
    if not any(sets):
        return None, ()
    column = {name: j for j, name in enumerate(known)}
    matrix = np.zeros((len(sets), len(known)), dtype=np.uint8)
    for i, row in enumerate(sets):
        matrix[i, [column[name] for name in row]] = 1
    return matrix, known


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
