"""Arrays from files, one per modality, combined into a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.array_files import ArrayAt, read_array
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import Files, Folder, is_archive, open_files
from crossmodal_hash.data.labels import as_labels
from crossmodal_hash.data.matrix import as_matrix
from crossmodal_hash.data.metadata import LABEL_ORDER, read_label_names
from crossmodal_hash.data.pictures import Pictures, first
from crossmodal_hash.data.source import Source
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.errors import DataError


def assemble(chosen: Mapping[str, ArrayAt], name: str) -> Dataset:
    """A data set from one array per modality, and one for "labels" if there is one.

    Raises:
        DataError: if an array cannot be used, or they differ in length; with each file, key and length.
    """
    sources: dict[str, Source] = {}
    matrix: NDArray[np.uint8] | None = None
    lengths: dict[str, int] = {}
    for role, at in chosen.items():
        values = read_array(at)
        if role == "labels":
            matrix = as_labels(values, str(at))
        else:
            sources[role] = _source(role, values, at)
        lengths[str(at)] = len(matrix) if role == "labels" and matrix is not None else len(sources[role])
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{at} {length}" for at, length in lengths.items())
        raise DataError(
            f"the matrices differ in length: {told}; each needs one row per item, so check whether one is transposed"
        )
    named = [source.names for source in sources.values() if isinstance(source, Pictures)]
    ids = named[0] if named else tuple(str(row) for row in range(next(iter(lengths.values()))))
    return Dataset(name, ids, sources, matrix, _label_names(matrix, chosen))


def _source(role: str, values: Any, at: ArrayAt) -> Source:
    if values.dtype.kind not in "OU":
        return as_matrix(values, str(at))
    rows = [_string(row, "/" if role == "image" else " ") for row in (values.T if values.shape[0] == 1 else values)]
    if role == "text":
        return Texts(tuple(rows))
    return _named_pictures(rows, at)


def _string(cell: Any, joint: str) -> str:
    """A MATLAB cell as one string: nested cells and columns are joined, the padding of character matrices dropped."""
    if isinstance(cell, np.ndarray):
        return joint.join(part for part in (_string(inner, joint) for inner in cell.reshape(-1)) if part)
    return str(cell).strip()


def _named_pictures(names: Sequence[str], at: ArrayAt) -> Pictures:
    """Picture files named in a list, which are somewhere below it; leading folders of foreign paths are ignored.

    If only some are found, the others keep the names that they should have.
    """
    folder = at.path.parent
    parts = [tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", ".")) for name in names]
    best: tuple[int, Files, list[str]] = 0, Folder(folder), []
    for path in (folder, *sorted(path for path in folder.iterdir() if is_archive(path))):
        files = open_files(path)
        by_last: dict[str, list[str]] = {}
        for name in files.names():
            by_last.setdefault(name.rpartition("/")[2], []).append(name)
        for depth in range(max(map(len, parts)), 0, -1):
            wanted = ["/".join(part[-depth:]) for part in parts]
            root = _root(wanted[:50], by_last)
            if root is None:
                continue
            there = files.under(root)
            found = sum(name in there for name in wanted)
            if found == len(wanted):
                return Pictures(there, wanted)
            if found > best[0]:
                best = found, there, wanted
    if not best[0]:
        raise DataError(
            f"the {len(names)} pictures named in {at} ({first(names)}) are not in a folder or archive below "
            f"{str(folder)!r}; put them there"
        )
    return Pictures(best[1], best[2])


def _root(wanted: Sequence[str], by_last: Mapping[str, Sequence[str]]) -> str | None:
    """The folder that holds the first of the names that is found, with its slash."""
    for name in wanted:
        for listed in by_last.get(name.rpartition("/")[2], ()):
            if f"/{listed}".endswith(f"/{name}"):
                return listed.removesuffix(name)
    return None


def _label_names(labels: NDArray[np.uint8] | None, chosen: Mapping[str, ArrayAt]) -> tuple[str, ...]:
    """The names in a labels.txt beside the matrix, otherwise the column numbers."""
    if labels is None:
        return ()
    path, columns = chosen["labels"].path.parent / LABEL_ORDER, labels.shape[1]
    if not path.is_file():
        return tuple(str(column) for column in range(columns))
    names = read_label_names(path.read_text(encoding="utf-8-sig"))
    if len(names) != columns:
        raise DataError(
            f"{LABEL_ORDER} has {len(names)} labels but {chosen['labels']} {columns} columns; give one label per column"
        )
    return names
