"""Data sets whose files are split into training, query and database parts, as one data set with its split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.array_files import ArrayAt
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.data.matrices.assemble import assemble
from crossmodal_hash.data.matrix import Matrix, as_matrix
from crossmodal_hash.data.pictures import first
from crossmodal_hash.data.source import Source
from crossmodal_hash.errors import DataError


def join_parts(parts: Mapping[str, Sequence[ArrayAt | None]], name: str) -> Dataset:
    """One data set from its three parts.

    Without a database in the files, the training items are the database. A database in the files usually repeats the
    training items; these are recognized by equal content and kept once, so that scores without them can be computed.
    """
    read = {part: [at for at in ats if at is not None] for part, ats in parts.items()}
    if 0 < len(read["database"]) < 3:
        raise DataError(
            f"{name!r} has only {first(str(at) for at in read['database'])} of the database; all three are needed"
        )
    sets = {
        part: assemble(dict(zip(("image", "text", "labels"), ats, strict=True)), name)
        for part, ats in read.items()
        if ats
    }
    base = sets.get("database", sets["train"])
    repeated = _match(sets["train"], base)
    new = np.flatnonzero(repeated < 0)
    stacked = [sets["query"], base, sets["train"].take(new)]
    n_query, n_base = len(sets["query"]), len(base)
    train = n_query + repeated
    train[new] = n_query + n_base + np.arange(len(new))
    if len(widths := sorted({_widths(part) for part in stacked})) > 1:
        raise DataError(
            f"the parts of {name!r} differ in width: {' and '.join(widths)}; give every part the same columns"
        )
    total = n_query + n_base + len(new)
    return Dataset(
        name,
        tuple(str(row) for row in range(total)),
        {role: _stack([d.modalities[role] for d in stacked]) for role in base.modalities},
        np.concatenate([d.labels for d in stacked if d.labels is not None]),
        base.label_names,
        {"query": np.arange(n_query), "train": train, "database": n_query + np.arange(n_base)},
    )


def _widths(part: Dataset) -> str:
    matrices = {name: source.width for name, source in part.modalities.items() if isinstance(source, Matrix)}
    return ", ".join(f"{name} {width}" for name, width in (matrices | {"labels": len(part.label_names)}).items())


def _match(train: Dataset, base: Dataset) -> NDArray[np.int64]:
    """For each training item the row of `base` with the same content, each used once; -1 if there is none."""
    where: dict[str, list[int]] = {}
    for row, content in enumerate(_contents(base)):
        where.setdefault(content, []).append(row)
    rows = [found.pop(0) if (found := where.get(content)) else -1 for content in _contents(train)]
    return np.array(rows, dtype=np.int64)


def _contents(data: Dataset) -> Iterable[str]:
    matrices = [source for source in data.modalities.values() if isinstance(source, Matrix)]
    labels = data.labels if data.labels is not None else np.zeros((len(data), 0), dtype=np.uint8)
    for row in range(len(data)):
        yield digest([*(matrix.dense([row]).data for matrix in matrices), labels[row].data])


def _stack(sources: Sequence[Source]) -> Source:
    from scipy.sparse import vstack

    matrices: list[Any] = [source.values for source in sources if isinstance(source, Matrix)]
    if len(matrices) < len(sources):
        raise DataError(
            "a data set split into files must hold matrices in every part; give texts and pictures as metadata.jsonl"
        )
    dense = all(isinstance(matrix, np.ndarray) for matrix in matrices)
    return as_matrix(np.concatenate(matrices) if dense else vstack(matrices, format="csr"), "the parts together")
