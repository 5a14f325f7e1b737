"""Data sets described by `metadata.jsonl` or `metadata.csv`: the format for your own data.

One row per item, with `file_name` (relative to the metadata), `text` and `labels`. In jsonl, `labels` is a list of
strings, and `texts`, a list of them, may take the place of `text`; in csv, the labels are one cell, separated by `;`.
With `join`, a row is one text, and rows of one picture are joined to an item. The pictures are in the same folder or
archive, or in an archive in that folder. An optional `labels.txt`, one label per line, fixes which labels exist and
their order; otherwise they are sorted by name. An item may have no label.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.captions import one_or_several
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import Files, Folder, Several, safe_name, with_archives
from crossmodal_hash.data.join_rows import join_rows, labels_of_items, refuse_repeated
from crossmodal_hash.data.pictures import Pictures, first
from crossmodal_hash.data.reader import Needs
from crossmodal_hash.errors import DataError, did_you_mean

METADATA = ("metadata.jsonl", "metadata.csv")
LABEL_ORDER = "labels.txt"
CSV_SEPARATOR = ";"


class Item(NamedTuple):
    """One row of the metadata; `labels` is None if the row does not have the entry."""

    file_name: str
    texts: tuple[str, ...]
    labels: tuple[str, ...] | None
    line: int


def find_metadata(files: Files) -> str | None:
    """The name of the metadata nearest to the top; in an archive it may be one or more folders deep.

    Raises:
        DataError: if two folders at the same depth have one.
    """
    if isinstance(files, Folder):
        return next((name for name in METADATA if name in files), None)
    found = [PurePosixPath(name) for name in files.names() if PurePosixPath(name).name in METADATA]
    if not found:
        return None
    depth = min(len(path.parts) for path in found)
    folders = sorted({str(path.parent) for path in found if len(path.parts) == depth})
    if len(folders) > 1:
        raise DataError(
            f"{str(files.path)!r} has metadata in several folders ({first(folders)}); pack each data set separately"
        )
    return min(
        (path for path in found if str(path.parent) == folders[0]), key=lambda path: METADATA.index(path.name)
    ).as_posix()


def read_metadata(files: Files, name: str, needs: Needs | None = None, *, join: bool = False) -> Dataset:
    """The data set described by the metadata `name` in `files`.

    Args:
        files: the store with metadata and pictures.
        name: name of the metadata in `files`, as found by `find_metadata`.
        needs: what must be present; by default everything.
        join: whether rows with one file name are texts of one item; otherwise they are refused.

    Raises:
        DataError: if a line, column, text, label or picture is missing or wrong; with the number and the first.
    """
    path, needs = PurePosixPath(name), needs or Needs()
    if str(path.parent) != ".":
        files = files.under(str(path.parent))
    where = f"{files.path}/{name}"
    items = list((_jsonl if path.suffix == ".jsonl" else _csv)(_decode(files.read(path.name), where), where))
    if not items:
        raise DataError(f"{where!r} has no rows; give one row per item")
    if join:
        items = _joined(items, where)
    else:
        refuse_repeated([item.file_name for item in items], where, "--reader native,join=file_name")
    blank = [f"line {item.line}" for item in items if not any(text.strip() for text in item.texts)]
    if blank and needs.texts:
        raise DataError(
            f"{len(blank)} of {len(items)} rows of {where!r} have no text ({first(blank)}); fill them, or leave "
            f"them out with --skip-bad"
        )
    names = [safe_name(item.file_name, files.path) for item in items]
    files = with_archives(files, names) if isinstance(files, Folder) else files
    absent = [name for name in names if name not in files]
    if absent and needs.pictures:
        raise DataError(
            f"{len(absent)} of {len(items)} pictures named in {where!r} are missing ({first(absent)}); put them "
            f"beside the metadata, drop their rows, or leave them out with --skip-bad"
        )
    order = files.stores[0] if isinstance(files, Several) else files
    known = _decode(order.read(LABEL_ORDER), LABEL_ORDER) if LABEL_ORDER in order else None
    matrix, label_names = _labels(
        items, where, None if known is None else read_label_names(known), required=needs.labels
    )
    return Dataset(
        _stem(files.path),
        tuple(names),
        {"image": Pictures(files, names), "text": one_or_several([item.texts for item in items])},
        matrix,
        label_names,
    )


def read_label_names(text: str) -> tuple[str, ...]:
    r"""The lines of a `labels.txt`, without blank ones.

    Raises:
        DataError: if there is no label, or one occurs twice.

    Example:
        >>> read_label_names("sky\nriver\n")
        ('sky', 'river')
    """
    names = tuple(line.strip() for line in text.splitlines() if line.strip())
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise DataError(
            f"{LABEL_ORDER} {f'has {first(twice)} twice' if twice else 'is empty'}; write each label once, one per line"
        )
    return names


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where!r} is not UTF-8 (byte {error.start}); save it as UTF-8") from error


def _jsonl(text: str, where: str) -> Iterator[Item]:
    # Not splitlines: a text may hold U+2028 and its like, which do not end a line of JSON.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"line {number} of {where!r} is not JSON ({error}); write one object per line") from error
        if not isinstance(row, dict):
            raise DataError(
                f"line {number} of {where!r} is not an object with file_name, text and labels: {line[:60]!r}"
            )
        labels = row.get("labels")
        if labels is not None and not (isinstance(labels, list) and all(isinstance(label, str) for label in labels)):
            raise DataError(f"line {number} of {where!r} has labels {labels!r:.60}; give a list of strings")
        yield Item(_string(row, "file_name", number, where), _said(row, number, where), _tuple(labels), number)


def _string(row: dict[str, Any], key: str, number: int, where: str) -> str:
    # A text that is said to be nothing is missing; a row without the key has another layout.
    value = "" if key == "text" and key in row and row[key] is None else row.get(key)
    if not isinstance(value, str) or (key == "file_name" and not value):
        raise DataError(
            f"line {number} of {where!r} has no string {key!r}, only {sorted(row)}; give file_name, text, labels"
        )
    return value


def _said(row: dict[str, Any], number: int, where: str) -> tuple[str, ...]:
    """The texts of a row: the list `texts`, or the only `text`."""
    texts = row.get("texts")
    if texts is None:
        if isinstance(row.get("text"), list):
            raise DataError(f"line {number} of {where!r} has a list as its text; call it texts")
        return (_string(row, "text", number, where),)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise DataError(f"line {number} of {where!r} has texts {texts!r:.60}; give a list of strings")
    if row.get("text") is not None:
        raise DataError(f"line {number} of {where!r} has both text and texts; put all texts into texts")
    return tuple(texts)


def _joined(items: Sequence[Item], where: str) -> list[Item]:
    """One item for each file name, with the texts of all its rows."""
    names = [item.file_name for item in items]
    rows = join_rows(names)
    labels = labels_of_items(rows, [item.labels for item in items], names, where)
    return [
        items[own[0]]._replace(texts=tuple(text for row in own for text in items[row].texts), labels=said)
        for own, said in zip(rows, labels, strict=True)
    ]


def _tuple(labels: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if labels is None else tuple(labels)


def _csv(text: str, where: str) -> Iterator[Item]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = list(reader.fieldnames or [])
        if missing := [name for name in ("file_name", "text") if name not in columns]:
            raise DataError(
                f"{where!r} has no column {' or '.join(missing)}, only {columns}; use file_name,text,labels"
            )
        for row in reader:
            if None in row or None in row.values():
                raise DataError(
                    f"line {reader.line_num} of {where!r} does not have {len(columns)} cells; quote cells with commas"
                )
            cell = row.get("labels")
            if cell and "," in cell and CSV_SEPARATOR not in cell:
                # Taken as one class, "red,circle" would train without a word and mean nothing.
                raise DataError(
                    f"line {reader.line_num} of {where!r} has the labels {cell!r}; a csv separates labels by "
                    f"{CSV_SEPARATOR!r}, and a label with a comma needs metadata.jsonl"
                )
            labels = None if cell is None else [part.strip() for part in cell.split(CSV_SEPARATOR) if part.strip()]
            yield Item(row["file_name"], (row["text"],), _tuple(labels), reader.line_num)
    except csv.Error as error:
        raise DataError(f"line {reader.line_num} of {where!r} is not CSV ({error}); quote cells with commas") from error


def _labels(
    items: Sequence[Item], where: str, known: tuple[str, ...] | None, *, required: bool
) -> tuple[NDArray[np.uint8] | None, tuple[str, ...]]:
    unsaid = [item.line for item in items if item.labels is None]
    if not any(item.labels for item in items):
        if not required:
            return None, ()
        what = "no labels column" if len(unsaid) == len(items) else f"no label on any of its {len(items)} rows"
        raise DataError(
            f"{where!r} has {what}; give a list of labels, separated by {CSV_SEPARATOR!r} in a csv, or load it with "
            f"need_labels=False"
        )
    if unsaid:
        raise DataError(
            f"{len(unsaid)} of {len(items)} rows of {where!r} have no labels entry (first line {unsaid[0]}); "
            f"give an empty list if no label applies"
        )
    used = {label: item.line for item in reversed(items) for label in item.labels or ()}
    names = tuple(sorted(used)) if known is None else known
    column = {name: j for j, name in enumerate(names)}
    if outside := sorted(set(used) - set(column)):
        raise DataError(
            f"{len(outside)} labels in {where!r} are not in {LABEL_ORDER}, first {outside[0]!r}"
            f"{did_you_mean(outside[0], names)} on line {used[outside[0]]}; labels in a csv are separated by "
            f"{CSV_SEPARATOR!r}"
        )
    matrix = np.zeros((len(items), len(names)), dtype=np.uint8)
    for row, item in enumerate(items):
        matrix[row, [column[label] for label in item.labels or ()]] = 1
    return matrix, names


def _stem(path: Path) -> str:
    return path.resolve().name.split(".")[0]
