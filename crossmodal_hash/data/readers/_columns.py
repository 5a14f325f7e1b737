"""Shared by tables of any format: the role of each column, and the content of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.pictures import first
from crossmodal_hash.errors import DataError, did_you_mean

Kind = Literal["string", "list", "other"]
IMAGE = ("image", "img", "picture", "jpg", "png", "webp", "file_name", "image_path", "path")
TEXT = ("text", "caption", "captions", "sentence", "sentences", "tags", "title")
LABELS = ("labels", "label", "classes", "class", "categories", "category")
PARTS = {
    "query": "query", "test": "query", "train": "train", "validation": "validation", "valid": "validation",
    "val": "validation", "dev": "validation", "database": "database", "retrieval": "database",
}  # fmt: skip
"""Other names of the parts of a data set -> names here; a test part holds the queries."""


class Columns(NamedTuple):
    """The roles of the columns of a table.

    Attributes:
        image: column of pictures, or None.
        text: column of texts.
        labels: column of labels, or None.
        note: the same in words, with the unused columns.
    """

    image: str | None
    text: str
    labels: str | None
    note: str


def choose(kinds: Mapping[str, Kind], given: Mapping[str, str], reader: str, where: str) -> Columns:
    """The column for each modality: the given one, or the first with one of the usual names, in any case.

    A list named `tags` may be the text or the labels; it is the text only if no column of strings can be the text.

    Args:
        kinds: column -> what its cells hold.
        given: "image", "text" and "labels" -> the column to use; empty: find one.
        reader: name of the reader, for messages.
        where: the table, for messages.

    Raises:
        DataError: if a given column does not exist, or it is not clear which column is the text.

    Example:
        >>> kinds = {"Picture": "other", "caption": "string", "tags": "list"}
        >>> choose(kinds, {"image": "", "text": "", "labels": "tags"}, "parquet", "my.parquet").note
        "image is the column 'Picture', text 'caption', labels 'tags'"
    """
    for what, column in given.items():
        if column and column not in kinds:
            raise DataError(
                f"{where!r} has no column {column!r} for {what}, only {', '.join(kinds)}{did_you_mean(column, kinds)}"
            )
    free = {column.lower(): column for column in kinds if column not in given.values()}
    found = {
        what: given[what] or next((free[name] for name in names if name in free), None)
        for what, names in (("image", IMAGE), ("text", TEXT), ("labels", LABELS))
    }
    text = found["text"]
    if text is None:
        raise DataError(
            f"{where!r} has no column for text among {', '.join(kinds)}; choose one with --reader {reader},text=COLUMN"
        )
    strings = [column for column, kind in kinds.items() if kind == "string" and column not in found.values()]
    if not given["text"] and text.lower() == "tags" and kinds[text] == "list" and strings:
        one = strings[0]
        raise DataError(
            f"{where!r} has lists in the column {text!r} and strings in {first(strings)}, so it is not clear which is "
            f"the text; choose with --reader {reader},text={one}, or {reader},text={one},labels={text}"
        )
    taken = [f"{what} {column!r}" for what, column in found.items() if column]
    missing = [what for what, column in found.items() if not column]
    unused = [repr(column) for column in kinds if column not in found.values()]
    note = ", ".join(taken).replace(" ", " is the column ", 1)
    note += f"; there is no column for {' and '.join(missing)}" if missing else ""
    note += f"; not used: {', '.join(unused)}" if unused else ""
    return Columns(found["image"], text, found["labels"], note)


def kinds_of(schema: Any) -> dict[str, Kind]:
    """Column -> what its cells hold, from an Arrow schema."""
    import pyarrow.types as types

    def kind(of: Any) -> Kind:
        if types.is_string(of) or types.is_large_string(of):
            return "string"
        return "list" if types.is_list(of) or types.is_large_list(of) else "other"

    return {field.name: kind(field.type) for field in schema}


def cell_text(value: Any, where: str) -> str:
    """The text of a cell; several texts of one item, such as captions, are joined by line ends.

    Raises:
        DataError: if it is of another type.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple | np.ndarray) and all(isinstance(part, str) for part in value):
        return "\n".join(value)
    raise DataError(f"{where} has the text {value!r:.60}; give a string or a list of strings")


def cell_labels(value: Any, names: Sequence[str] | None, where: str) -> list[str]:
    """The labels of a cell: one or a list, by name or by number among `names`; an empty list if it is empty.

    Raises:
        DataError: if it is of another type, or a number without a name.
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
    """Rows by part of a split, from rows by usual part names; None unless there are training items and queries."""
    rows: dict[str, NDArray[np.int64]] = {}
    for name, part in parts.items():
        role = PARTS.get(name.lower())
        if role is None:
            return None
        rows[role] = np.concatenate([rows[role], part]) if role in rows else part
    return rows if "query" in rows and "train" in rows else None
