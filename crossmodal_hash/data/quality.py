"""Items that cannot be used: those whose picture cannot be read, and those without a text."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.pictures import Pictures, first
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.errors import DataError

SHOWN = 20
"""Largest number of names in a note; `chash data check` lists all."""


@dataclass(frozen=True)
class Look:
    """The properties of one picture.

    Attributes:
        name: in its folder or archive.
        digest: SHA-256 of the file; empty if it is missing.
        format: Pillow's name of the format, such as JPEG.
        size: width and height in pixels.
        problem: why it cannot be read; empty if it can.
    """

    name: str
    digest: str = ""
    format: str = ""
    size: tuple[int, int] = (0, 0)
    problem: str = ""


def look_at(pictures: Pictures, done: Callable[[int], object] = lambda n: None) -> Iterator[Look]:
    """Decode every picture, several at a time.

    Args:
        pictures: N pictures.
        done: called with the number of newly finished pictures.

    Yields:
        N looks, in order.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for look in pool.map(lambda row: _look(pictures, row), range(len(pictures))):
            done(1)
            yield look


def without_bad(dataset: Dataset, done: Callable[[int], object] = lambda n: None) -> Dataset:
    """The items that have a text and a picture that can be read; the others are named in notes.

    Raises:
        DataError: if none are left.
    """
    return without_damaged(without_blank(dataset), done)


def without_blank(dataset: Dataset) -> Dataset:
    """The items that have a text; the others are named in a note.

    Raises:
        DataError: if no item has a text.
    """
    has_text = np.ones(len(dataset), bool)
    for texts in dataset.of(Texts).values():
        has_text &= [bool(text.strip()) for text in texts.items]
    rows, blank = np.flatnonzero(has_text), np.flatnonzero(~has_text)
    if not len(blank):
        return dataset
    if not len(rows):
        raise DataError(
            f"none of the {len(dataset)} items of {dataset.name!r} has a text; choose another column or file"
        )
    shown = first((dataset.ids[row] for row in blank), SHOWN)
    note = f"{len(blank)} of {len(dataset)} items are left out, because they have no text: {shown}"
    return replace(keep(dataset, rows), notes=(*dataset.notes, note))


def without_damaged(dataset: Dataset, done: Callable[[int], object] = lambda n: None) -> Dataset:
    """The items whose picture can be read; the others are named in a note.

    Raises:
        DataError: if no picture can be read.
    """
    looks = [look_at(pictures, done) for pictures in dataset.of(Pictures).values()]
    return leave_out(dataset, [worst(row) for row in zip(*looks, strict=True)]) if looks else dataset


def worst(looks: Sequence[Look]) -> Look:
    """The first look of an item that has a problem; the first of all where none has one."""
    return next((look for look in looks if look.problem), looks[0])


def leave_out(dataset: Dataset, looks: Sequence[Look]) -> Dataset:
    """The items whose look has no problem; the others are named in a note.

    Raises:
        DataError: if none are left.
    """
    rows = np.array([row for row, look in enumerate(looks) if not look.problem], dtype=np.int64)
    bad = [look for look in looks if look.problem]
    if not bad:
        return dataset
    if not len(rows):
        raise DataError(f"none of the {len(looks)} pictures of {dataset.name!r} can be read: {bad[0].problem}")
    shown = first((look.name for look in bad), SHOWN)
    note = f"{len(bad)} of {len(looks)} items are left out, because their pictures cannot be read: {shown}"
    return replace(keep(dataset, rows), notes=(*dataset.notes, note))


def keep(dataset: Dataset, rows: NDArray[np.int64]) -> Dataset:
    """The items at `rows`, in that order, with the split that came with the files."""
    kept = dataset.take(rows)
    if dataset.split_rows is None:
        return kept
    new = np.full(len(dataset), -1)
    new[rows] = np.arange(len(rows))
    parts = {part: new[old][new[old] >= 0] for part, old in dataset.split_rows.items()}
    return replace(kept, split_rows=parts)


def _look(pictures: Pictures, row: int) -> Look:
    name = pictures.names[row]
    if name not in pictures.files:
        return Look(name, problem=f"picture {name!r} is missing")
    try:
        content = pictures.content(row)
    except DataError as error:
        return Look(name, problem=str(error))
    digest = hashlib.sha256(content).hexdigest()
    try:
        image = pictures.decode(row, content)
    except DataError as error:
        return Look(name, digest, problem=str(error))
    with Image.open(io.BytesIO(content)) as header:
        return Look(name, digest, header.format or "", image.size)
