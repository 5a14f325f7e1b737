"""Labels by name as a 0/1 matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


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
