"""Ids of codes from a file of their own: which rows of two matrices belong to one item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.array_files import ArrayAt, list_keys, read_array
from crossmodal_hash.errors import CodesError, DataError


def read_ids(path: Path, key: str | None = None) -> NDArray[np.str_]:
    r"""The ids in a file, one for each row of some codes.

    Args:
        path: `.txt` with an id a line, or an array of whole numbers or texts in a file of arrays.
        key: name of the array in a file that holds several.

    Returns:
        (n,) text; a whole number becomes its digits, so that row numbers count from 0.

    Raises:
        CodesError: if the file cannot be read, or holds anything else.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "ids.txt"
        >>> _ = file.write_text("a.jpg\na.jpg\nb.jpg\n")
        >>> read_ids(file).tolist()
        ['a.jpg', 'a.jpg', 'b.jpg']
    """
    if path.suffix.lower() == ".txt":
        return np.array(_lines(path), dtype=np.str_)
    try:
        keys = list_keys(path)
        if key is None and len(keys) != 1:
            raise CodesError(f"{path} holds {len(keys)} arrays; choose one by its key: {', '.join(keys)}")
        return as_ids(read_array(ArrayAt(path, key or keys[0])), str(path))
    except DataError as error:
        raise CodesError(str(error)) from error


def as_ids(values: Any, where: str) -> NDArray[np.str_]:
    """A column, a row or a plain list of whole numbers or texts as ids.

    Raises:
        CodesError: for a matrix, or other values.

    Example:
        >>> as_ids(np.array([[0.0], [0.0], [1.0]]), "ids").tolist()
        ['0', '0', '1']
    """
    array = np.asarray(values)
    if array.ndim > 2 or (array.ndim == 2 and 1 not in array.shape):
        raise CodesError(f"{where} has shape {array.shape}; ids are one number or name for each row of the codes")
    flat = array.reshape(-1)
    if flat.dtype.kind == "O":
        flat = np.array([str(cell.reshape(-1)[0]) if isinstance(cell, np.ndarray) and cell.size else str(cell)
                         for cell in flat], dtype=np.str_)  # fmt: skip
    if flat.dtype.kind == "f" and np.isfinite(flat).all() and (flat == np.floor(flat)).all():
        flat = flat.astype(np.int64)
    if flat.dtype.kind not in "iuU":
        raise CodesError(f"{where} holds {array.dtype} that are no ids; give whole numbers or names")
    return flat.astype(np.str_)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CodesError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise CodesError(f"cannot read {path} ({error.strerror or error}); give a file with one id a line") from error
    return [line.strip() for line in text.removesuffix("\n").split("\n")]
