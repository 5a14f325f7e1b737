"""What tables of any make have in common: which column is which, and what a cell says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import DataError, did_you_mean

IMAGE = ("image", "img", "picture", "jpg", "png", "webp", "file_name", "image_path", "path")
TEXT = ("text", "caption", "captions", "sentence", "sentences", "tags", "title")
LABELS = ("labels", "label", "classes", "class", "categories", "category")
PARTS = {
    "query": "query", "test": "query", "train": "train", "validation": "validation", "valid": "validation",
    "val": "validation", "dev": "validation", "database": "database", "retrieval": "database",
}  # fmt: skip
"""What the parts of a data set are called elsewhere -> what they are here; a test part holds the queries."""


def choose(columns: Sequence[str], given: str, known: Sequence[str], what: str, where: str) -> str | None:
    """The column for one modality: the one that was given, or the first known name, whatever its case.

    Raises:
        DataError: if the one that was given is not there.
    """
    if given:
        if given not in columns:
            raise DataError(
                f"{where!r} has no column {given!r} for {what}, only {', '.join(columns)}."
                f"{did_you_mean(given, columns)}"
            )
        return given
    by_case = {column.lower(): column for column in columns}
    return next((by_case[name] for name in known if name in by_case), None)


def required(column: str | None, columns: Sequence[str], what: str, where: str) -> str:
    """The column, which must be there.

    Raises:
        DataError: naming the columns there are, and the parameter that chooses one.
    """
    if column is None:
        raise DataError(
            f"{where!r} has no column for {what} among {', '.join(columns)}; choose one with --reader "
            f"NAME,{what}=COLUMN"
        )
    return column


def cell_text(value: Any, where: str) -> str:
    """The text of a cell; several texts of one item, such as captions, are joined by line ends.

    Raises:
        DataError: if it is something else.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple | np.ndarray) and all(isinstance(part, str) for part in value):
        return "\n".join(value)
    raise DataError(f"{where} has the text {value!r:.60}; give a string or a list of strings")


def cell_labels(value: Any, names: Sequence[str] | None, where: str) -> list[str]:
    """The labels of a cell: one or a list, by name or by number among `names`; nothing where it is empty.

    Raises:
        DataError: if it is something else, or a number without a name.
    """
    if value is None or value == "":
        return []
    values = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
    labels = []
    for one in values:
        if isinstance(one, str):
            labels.append(one)
        elif isinstance(one, int | np.integer) and not isinstance(one, bool):
            if names is not None and not 0 <= one < len(names):
                raise DataError(f"{where} has the label number {one}; there are {len(names)} names")
            labels.append(str(one) if names is None else names[int(one)])
        else:
            raise DataError(f"{where} has the labels {value!r:.60}; give names or class numbers, one or a list")
    return labels


def division(parts: Mapping[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]] | None:
    """Rows by part of a split, from rows by the names such parts usually have; none unless it trains and asks."""
    rows: dict[str, NDArray[np.int64]] = {}
    for name, part in parts.items():
        role = PARTS.get(name.lower())
        if role is None:
            return None
        rows[role] = np.concatenate([rows[role], part]) if role in rows else part
    return rows if "query" in rows and "train" in rows else None
