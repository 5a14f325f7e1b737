"""Parquet manifests: one row per item, with pictures inside the file or named by it."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import MAX_BYTES, Below, Files, safe_name
from crossmodal_hash.data.labels import label_matrix
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.pictures import Pictures
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.data.readers._columns import cell_labels, cell_text, choose, division, kinds_of
from crossmodal_hash.data.source import Source
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.errors import DataError

SUFFIX = ".parquet"
MAX_GROUP = 1 << 32
"""Largest unpacked column of one row group, 4 GiB: its pages are decompressed together."""


class Parquet(Reader):
    """Parquet files, one row per item, with pictures as bytes or as names of files beside them.

    Args:
        image: column of pictures: bytes, `{bytes, path}` as Hugging Face writes it, or names of files relative to the
            folder; empty takes the first of the usual names.
        text: column of texts, a string or a list of strings.
        labels: column of labels, a name, a class number, or a list of them.
    """

    def __init__(self, *, image: str = "", text: str = "", labels: str = "") -> None:
        self.image, self.text, self.labels = image, text, labels

    def matches(self, place: Place) -> Match:
        """Likely if such a file is directly in the folder or in its folder `data`."""
        return Match.LIKELY if _files(place) else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The rows of all files, in the order of their names; files named train-... and test-... are a split."""
        paths = _files(place)
        if not paths:
            raise DataError(f"{str(place.path)!r} has no {SUFFIX} files; choose another --reader")
        pq, where = pyarrow_parquet(), str(place.path)
        with named_errors(paths):
            schema = pq.read_schema(paths[0])
            if other := next((path for path in paths if pq.read_schema(path).names != schema.names), None):
                raise DataError(f"{paths[0].name!r} and {other.name!r} differ in their columns; give one table")
        given = {"image": self.image, "text": self.text, "labels": self.labels}
        image, text, labels, note = choose(kinds_of(schema), given, "parquet", where)
        with named_errors(paths):
            tables = [pq.read_table(path, columns=[c for c in (text, labels) if c]) for path in paths]
        texts = [cell_text(cell, f"row {i} of {where!r}") for i, cell in enumerate(_cells(tables, text))]
        sources: dict[str, Source] = {}
        ids = tuple(str(row) for row in range(len(texts)))
        if image is not None:
            ids, sources["image"] = _pictures(paths, image, schema.field(image).type, place)
        sources["text"] = Texts(tuple(texts))
        named = _class_names(schema, labels)
        cells = _cells(tables, labels) if labels else ()
        matrix, label_names = label_matrix(
            [cell_labels(cell, named, f"row {i} of {where!r}") for i, cell in enumerate(cells)], named
        )
        ends = np.cumsum([len(table) for table in tables])
        parts: dict[str, Any] = {}
        for path, stop, table in zip(paths, ends, tables, strict=True):
            part, rows = path.stem.partition("-")[0], np.arange(stop - len(table), stop)
            parts[part] = np.concatenate([parts[part], rows]) if part in parts else rows
        # A table is known by the name of its file: `mine` could be the folder beside `mine.parquet`.
        name = place.name if place.is_folder else place.path.name
        return Dataset(name, ids, sources, matrix, label_names, division(parts), (note,))


class Embedded:
    """Pictures inside parquet files, by the names of their rows; a row group is unpacked when one of them is read.

    Args:
        paths: the files.
        column: column of bytes, or of a struct with `bytes`.
        names: one name per row, over all files.
    """

    def __init__(self, paths: Sequence[Path], column: str, names: Sequence[str]) -> None:
        self.path = paths[0] if len(paths) == 1 else paths[0].parent
        self.paths, self.column = list(paths), column
        self.rows = {name: row for row, name in enumerate(names)}
        self.groups: list[tuple[int, int]] = []
        self.starts: list[int] = []
        start = 0
        for number, path in enumerate(paths):
            meta = pyarrow_parquet().read_metadata(path)
            for group in range(meta.num_row_groups):
                self.groups.append((number, group))
                self.starts.append(start)
                start += meta.row_group(group).num_rows
        self._open: tuple[int, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": None}

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self.rows

    def read(self, name: str) -> bytes:
        """The content of one picture."""
        row = self.rows[name]
        index = bisect_right(self.starts, row) - 1
        # Threads may ask for different groups at once; each goes on with the one it has.
        opened = self._open
        if opened is None or opened[0] != index:
            opened = self._open = index, self._unpack(*self.groups[index])
        cell = opened[1][row - self.starts[index]].as_py()
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if not content or len(content) > MAX_BYTES:
            problem = f"has {len(content)} bytes, the limit is {MAX_BYTES}" if content else "is empty"
            raise DataError(f"picture {name!r} in {str(self.path)!r} {problem}; fix or drop its row")
        return bytes(content)

    def _unpack(self, number: int, group: int) -> Any:
        path = self.paths[number]
        with named_errors([path]):
            file = pyarrow_parquet().ParquetFile(path)
            meta = file.metadata.row_group(group)
            chunks = (meta.column(i) for i in range(meta.num_columns))
            size = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema.split(".")[0] == self.column)
            if size > MAX_GROUP:
                raise DataError(f"row group {group} of {path.name!r} unpacks to {size} bytes; write smaller row groups")
            return file.read_row_group(group, columns=[self.column]).column(0).combine_chunks()

    def under(self, folder: str) -> Files:
        """The pictures below `folder`, named relative to it."""
        return Below(self, folder) if folder else self


def pyarrow_parquet() -> Any:
    """The module `pyarrow.parquet`.

    Raises:
        DataError: if it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            "reading parquet files needs pyarrow; install it: pip install 'crossmodal-hash[parquet]'"
        ) from error
    return pyarrow.parquet


@contextmanager
def named_errors(paths: Sequence[Path]) -> Iterator[None]:
    """Turn errors of pyarrow for a damaged file into one sentence."""
    try:
        yield
    # ArrowInvalid is a ValueError, ArrowNotImplementedError a NotImplementedError.
    except (OSError, ValueError, NotImplementedError, KeyError) as error:
        names = ", ".join(path.name for path in paths[:3])
        reason = " ".join(str(error).split())
        raise DataError(f"cannot read {names} in {str(paths[0].parent)!r} ({reason:.120}); write it again") from error


def _files(place: Place) -> list[Path]:
    if place.path.is_file():
        return [place.path] if place.path.suffix.lower() == SUFFIX else []
    return place.top(SUFFIX) or sorted((place.path / "data").glob(f"*{SUFFIX}"))


def _cells(tables: Sequence[Any], column: str) -> Iterator[Any]:
    for table in tables:
        yield from table.column(column).to_pylist()


def _pictures(paths: Sequence[Path], column: str, kind: Any, place: Place) -> tuple[tuple[str, ...], Pictures]:
    """Ids and pictures of a column of names, of bytes, or of both."""
    import pyarrow.types as types

    pq = pyarrow_parquet()
    folder = place if place.is_folder else Place(place.path.parent)
    if types.is_string(kind) or types.is_large_string(kind):
        cells = list(_cells([pq.read_table(path, columns=[column]) for path in paths], column))
        if None in cells:
            raise DataError(f"row {cells.index(None)} of {str(place.path)!r} names no picture; fill or drop it")
        names = tuple(safe_name(cell, place.path) for cell in cells)
        return names, Pictures(folder.files, names)
    struct = types.is_struct(kind)
    inner = {kind.field(i).name for i in range(kind.num_fields)} if struct else set()
    if not (types.is_binary(kind) or types.is_large_binary(kind) or "bytes" in inner):
        raise DataError(
            f"column {column!r} of {str(place.path)!r} holds {kind!s:.60}; give bytes, or names of picture files"
        )
    total = sum(pq.read_metadata(path).num_rows for path in paths)
    names = tuple(str(row) for row in range(total))
    if "path" in inner:
        tables = [pq.ParquetFile(path).read(columns=[f"{column}.path"]) for path in paths]
        told = [cell["path"] for cell in _cells(tables, column) if cell and cell["path"]]
        names = tuple(told) if len(set(told)) == total else names
    return names, Pictures(Embedded(paths, column, names), names)


def _class_names(schema: Any, column: str | None) -> list[str] | None:
    """The names of class numbers, which Hugging Face keeps in the schema."""
    try:
        feature = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][column]
        found = feature.get("names") or (feature.get("feature") or {}).get("names")
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return [str(name) for name in found] if found else None
