"""Tables with one row a caption: rows that name one picture become one item with several texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.pictures import first
from crossmodal_hash.errors import DataError

L = TypeVar("L", bound=Collection[str] | None)


def join_rows(keys: Sequence[str]) -> list[list[int]]:
    """The rows of each item, which have one key, in the order in which the keys first occur.

    Example:
        >>> join_rows(["b.jpg", "a.jpg", "b.jpg"])
        [[0, 2], [1]]
    """
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    return list(rows.values())


def labels_of_items(items: Sequence[Sequence[int]], labels: Sequence[L], keys: Sequence[str], where: str) -> list[L]:
    """The labels of each item, which all its rows must have.

    Args:
        items: the rows of each item, as `join_rows` gives them.
        labels: of each row; None where it says nothing about them.
        keys: of each row, for messages.
        where: the table, for messages.

    Raises:
        DataError: if rows of one item have different labels.
    """

    def of(row: int) -> frozenset[str] | None:
        said = labels[row]
        return None if said is None else frozenset(said)

    unlike = [keys[rows[0]] for rows in items if len({of(row) for row in rows}) > 1]
    if unlike:
        raise DataError(
            f"{len(unlike)} items of {where!r} have rows with different labels ({first(unlike)}); give all rows of an "
            f"item the same labels"
        )
    return [labels[rows[0]] for rows in items]


def parts_of_items(
    items: Sequence[Sequence[int]], parts: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray[np.int64]]:
    """The items of each part of a split, from the rows of each part.

    Example:
        >>> parts_of_items([[0, 2], [1]], {"train": np.array([0, 2]), "test": np.array([1])})
        {'train': array([0]), 'test': array([1])}
    """
    item_of = np.zeros(sum(map(len, items)), np.int64)
    for item, rows in enumerate(items):
        item_of[list(rows)] = item
    return {part: np.unique(item_of[rows]) for part, rows in parts.items()}


def refuse_repeated(keys: Sequence[str], where: str, option: str) -> None:
    """Nothing, if every row names another item.

    Args:
        keys: of each row.
        where: the table, for messages.
        option: what joins the rows, such as `--reader native,join=file_name`.

    Raises:
        DataError: if rows name one item; says how to join them.
    """
    repeated = [keys[rows[0]] for rows in join_rows(keys) if len(rows) > 1]
    if repeated:
        raise DataError(
            f"{len(repeated)} items of {where!r} have several rows ({first(repeated)}); keep one row for each, or, if "
            f"each row is a text of its item, join them with {option}"
        )
