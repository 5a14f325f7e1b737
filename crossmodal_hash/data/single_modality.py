"""Items of only one modality, to be encoded with a trained model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import ARCHIVES, Folder, is_archive, open_files
from crossmodal_hash.data.pictures import SUFFIXES, Pictures
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.errors import DataError


def load_pictures(path: str | Path, modality: str = "image") -> Dataset:
    """One picture file, or all pictures in and below a folder or archive, sorted by name, without hidden files.

    Returns:
        A data set with this single modality and file names as ids.

    Raises:
        DataError: if there is no such path, or no picture in it.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{str(path)!r} does not exist; give a picture, a folder or an archive ({', '.join(ARCHIVES)})")
    if path.is_file() and not is_archive(path):
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{str(path)!r} does not have a suffix of a picture; use {', '.join(SUFFIXES)}")
        return Dataset(path.stem, (path.name,), {modality: Pictures(Folder(path.parent), [path.name])})
    files = open_files(path)
    every = files.names()
    if not every:
        raise DataError(f"{str(path)!r} is empty; put pictures in it ({', '.join(SUFFIXES)}), or give another path")
    names = [name for name in every if name.lower().endswith(SUFFIXES) and "/." not in f"/{name}"]
    if not names:
        raise DataError(f"{str(path)!r} holds no pictures; the formats are {', '.join(SUFFIXES)}")
    return Dataset(path.resolve().name.split(".")[0], tuple(names), {modality: Pictures(files, names)})


def load_texts(source: str | Path | TextIO, modality: str = "text") -> Dataset:
    r"""One text per line from a file, from an open stream, or from standard input if the path is "-".

    A blank line is an item with an empty text, so that the row of an item is its line number minus one.

    Returns:
        A data set with this single modality and row numbers as ids.

    Raises:
        DataError: if there is no such file, it is not UTF-8, or every line is blank.

    Example:
        >>> import io
        >>> load_texts(io.StringIO("a red bus\na cat\n")).modalities["text"].items
        ('a red bus', 'a cat')
    """
    where = (
        "standard input"
        if str(source) == "-"
        else repr(str(source))
        if isinstance(source, str | Path)
        else "the stream"
    )
    try:
        if isinstance(source, str | Path):
            text = sys.stdin.read() if str(source) == "-" else Path(source).read_text(encoding="utf-8-sig")
        else:
            text = source.read()
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise DataError(
            f"cannot read {where} ({error.strerror or error}); give a file with one text per line, or -"
        ) from error
    lines = text.removesuffix("\n").split("\n")
    if not any(line.strip() for line in lines):
        raise DataError(f"{where} holds no text; give one text per line")
    items = tuple(line.removesuffix("\r") for line in lines)
    name = Path(source).stem if isinstance(source, str | Path) and str(source) != "-" else "texts"
    return Dataset(name, tuple(str(row) for row in range(len(items))), {modality: Texts(items)})
