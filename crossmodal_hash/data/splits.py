"""Which items are queries, which are trained on, and which are searched.

Queries are drawn first, training items from the rest, validation items from the training items, so that model selection
never sees a query. The database of the papers is everything that is not a query, training items included; `unseen` is
the database without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.data.pictures import first
from crossmodal_hash.errors import DataError, SettingsError

PARTS = ("query", "train", "validation", "database")
MAX_QUERY, MAX_TRAIN = 2_000, 10_000
"""Sizes that DCMH and its successors use on MIRFlickr-25K; smaller data sets use a tenth and a half of their items."""

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a data set by use; each part is sorted and without repetition.

    Attributes:
        query: (Q,) rows that are searched for.
        train: rows that are trained on, without `validation`.
        validation: rows that choose the epoch; may be empty.
        database: (N,) rows that are searched.

    Raises:
        DataError: if a query is also in another part, or a validation item is trained on.
    """

    query: Index
    train: Index
    validation: Index
    database: Index

    def __post_init__(self) -> None:
        for part in PARTS:
            object.__setattr__(self, part, np.unique(np.asarray(getattr(self, part), dtype=np.int64)))
        overlaps = [("query", "train"), ("query", "validation"), ("query", "database"), ("train", "validation")]
        for one, other in overlaps:
            shared = np.intersect1d(getattr(self, one), getattr(self, other))
            if len(shared):
                raise DataError(
                    f"{len(shared)} items are both {one} and {other} (rows {first(str(row) for row in shared)}); "
                    f"leave each in one of the two"
                )

    @property
    def unseen(self) -> Index:
        """The database without training and validation items, for scores without memorization (leakage)."""
        return np.setdiff1d(self.database, np.concatenate([self.train, self.validation]))

    def given(self) -> Split:
        """The split in which all given training items are trained on, without validation items."""
        return Split(self.query, np.concatenate([self.train, self.validation]), np.zeros(0, np.int64), self.database)

    def as_ids(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """The split as lists of ids, in the form `read_split` reads."""
        return {part: [ids[row] for row in getattr(self, part)] for part in PARTS}

    def fingerprint(self) -> str:
        """SHA-256 over the rows of each part."""
        return digest(getattr(self, part).astype("<i8").data for part in PARTS)


def make_split(
    n: int,
    *,
    query: int | None = None,
    train: int | None = None,
    validation: int | float | None = None,
    seed: int = 0,
) -> Split:
    """Draw a split at random; the same arguments always give the same one.

    Args:
        n: items, >= 3.
        query: queries, >= 1; by default a tenth, at most 2,000.
        train: training items, including the validation items, >= 1; by default half, at most 10,000.
        validation: how many of `train` to use for validation, as a count (int) or a share in [0, 1) (float); by
            default a tenth.
        seed: seed of the draw, >= 0.

    Raises:
        SettingsError: if the sizes do not fit.

    Example:
        >>> split = make_split(100)
        >>> [len(part) for part in (split.query, split.train, split.validation, split.database, split.unseen)]
        [10, 45, 5, 90, 40]
    """
    query = min(MAX_QUERY, max(1, n // 10)) if query is None else query
    train = min(MAX_TRAIN, max(1, n // 2)) if train is None else train
    if query < 1 or train < 1 or query + train > n:
        raise SettingsError(
            f"{query} query and {train} training items cannot be drawn from {n}; both must be at least 1 and at most "
            f"{n} together"
        )
    order = _generator(seed, 0).permutation(n)
    drawn = Split(order[:query], order[query : query + train], np.zeros(0, dtype=np.int64), order[query:])
    return cut_validation(drawn, 0.1 if validation is None else validation, seed=seed)


def cut_validation(split: Split, validation: int | float, *, seed: int = 0) -> Split:
    """A split with validation items drawn at random from its training items, which become fewer.

    Args:
        split: with or without validation items; existing ones are kept.
        validation: how many to draw, as a count (int) or a share of the training items in [0, 1) (float).
        seed: seed of the draw, >= 0.

    Raises:
        SettingsError: if no training item would be left.

    Example:
        >>> split = split_from_rows({"query": [0], "train": range(1, 11)}, 20)
        >>> len(cut_validation(split, 0.2).validation)
        2
    """
    if isinstance(validation, float) and not 0 <= validation < 1:
        raise SettingsError(f"validation share {validation} is not in [0, 1); for a count, give a whole number")
    n = len(split.train)
    count = round(validation * n) if isinstance(validation, float) else validation
    if not 0 <= count < n:
        raise SettingsError(f"{count} validation items cannot be drawn from {n} training items; use at most {n - 1}")
    order = _generator(seed, 1).permutation(split.train)
    return Split(split.query, order[count:], np.concatenate([split.validation, order[:count]]), split.database)


def read_split(path: str | Path, ids: Sequence[str]) -> Split:
    """A split from a JSON file: `{"query": [...], "train": [...], "validation": [...], "database": [...]}`.

    A string is an id, a whole number is a row. Without `database`, the database is everything that is not a query;
    without `validation`, there are no validation items.

    Args:
        path: the file.
        ids: N ids of the data set.

    Raises:
        DataError: if the file does not have this form, names unknown or repeated items, or its parts overlap.
    """
    where = str(path)
    try:
        given = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(
            f"cannot read the split {where!r} ({error.strerror or error}); give a JSON file of ids by part, such as "
            f"the split.json of a run"
        ) from error
    except ValueError as error:
        raise DataError(f"the split {where!r} is not JSON ({error}); write lists of ids by part") from error
    if not isinstance(given, dict) or not all(isinstance(entries, list) for entries in given.values()):
        raise DataError(f"the split {where!r} is not an object of lists; write {{'query': [...], 'train': [...]}}")
    if unknown := sorted(set(given) - set(PARTS)):
        raise DataError(f"the split {where!r} has the part {unknown[0]!r}; the parts are {', '.join(PARTS)}")
    for part in ("query", "train"):
        if not given.get(part):
            raise DataError(f"the split {where!r} has no {part} items; list at least one")
    row_of: dict[Any, int] = {name: row for row, name in enumerate(ids)}
    rows = {part: _rows(entries, row_of, len(ids), part, where) for part, entries in given.items()}
    return split_from_rows(rows, len(ids))


def split_from_rows(rows: Mapping[str, Iterable[int]], n: int) -> Split:
    """A split from rows by part, such as `Dataset.split_rows`; without a database, it is everything but the queries.

    Args:
        rows: "query" and "train", and optionally "validation" and "database"; each in 0 to n - 1.
        n: items of the data set.

    Raises:
        DataError: if parts overlap.
    """
    parts = {part: np.array(list(rows[part]), dtype=np.int64) for part in PARTS if part in rows}
    parts.setdefault("validation", np.zeros(0, dtype=np.int64))
    parts.setdefault("database", np.setdiff1d(np.arange(n), parts["query"]))
    return Split(**parts)


def _generator(seed: int, draw: int) -> np.random.Generator:
    """One stream for each of the two draws, so that they are independent."""
    if seed < 0:
        raise SettingsError(f"the seed {seed} is negative; give 0 or more")
    return np.random.default_rng((seed, draw))


def _rows(entries: Sequence[Any], row_of: Mapping[Any, int], n: int, part: str, where: str) -> Index:
    def find(entry: Any) -> int | None:
        if isinstance(entry, int) and not isinstance(entry, bool):
            return entry if 0 <= entry < n else None
        return row_of.get(entry) if isinstance(entry, str) else None

    found = [(entry, find(entry)) for entry in entries]
    if unknown := [str(entry) for entry, row in found if row is None]:
        raise DataError(
            f"{len(unknown)} {part} items of the split {where!r} are not among the {n} items of the data "
            f"({first(unknown)}); give file names as in the metadata, or row numbers from 0"
        )
    rows = [row for _, row in found if row is not None]
    if len(set(rows)) < len(rows):
        raise DataError(
            f"{len(rows) - len(set(rows))} {part} items of the split {where!r} are repeated; list each once"
        )
    return np.array(rows, dtype=np.int64)
