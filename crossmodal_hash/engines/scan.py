"""Engine `scan`: codes in memory-mapped files in a folder, searched one after the other; exact."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from crossmodal_hash.atomic import replacing, write_json
from crossmodal_hash.codes.hamming import distance_dtype, distances
from crossmodal_hash.codes.nearest import ITEMS, nearest
from crossmodal_hash.engines.engine import Content, Engine, Hits, Packed
from crossmodal_hash.errors import CodesError

CATALOG, FORMAT = "index.json", "crossmodal_hash.index"


@dataclass(frozen=True)
class Segment:
    """Codes that were added together, in three files that are never changed; and which of them were removed since.

    Attributes:
        codes: uint8 (n, ceil(K / 8)), memory-mapped.
        text: ids in UTF-8, one after the other, memory-mapped.
        ends: where each id ends in `text`, int64 (n,), memory-mapped.
        there: rows that were not removed, int64, ascending; None: all.
    """

    codes: Packed
    text: NDArray[np.uint8]
    ends: NDArray[np.int64]
    there: NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.codes) if self.there is None else len(self.there)

    def ids(self, rows: NDArray[np.int64]) -> list[str]:
        """Ids of some rows; no other id is read."""
        starts = np.where(rows > 0, self.ends[rows - 1], 0)
        return [bytes(self.text[a:b]).decode() for a, b in zip(starts, self.ends[rows], strict=True)]


class Scan(Engine):
    """Codes in files of a folder, memory-mapped and compared with each query one after the other; exact.

    Ids are decoded for what is found alone. `index.json` says which files count, and is replaced last: what a killed
    process leaves besides is never looked at, and removed by the next one that writes.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp() + "/index"
        >>> index = Scan().create(folder, Content(8, "image"))
        >>> index.add(["cat", "dog"], np.array([[1], [255]], dtype=np.uint8))
        >>> Scan().open(folder).search(np.array([[3]], dtype=np.uint8), 1)[0].ids.tolist()
        ['cat']
    """

    exact = True

    def create(self, where: str, content: Content) -> Self:
        """A new folder, or an empty one."""
        self.folder = Path(where)
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise CodesError(f"{where} already holds something; choose another folder for the index")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._content = content
        self._commit([])
        return self

    def open(self, where: str) -> Self:
        """The index in a folder."""
        self.folder = Path(where)
        catalog = self._catalog()
        self._content = Content(**catalog["content"])
        self.segments = [self._segment(entry) for entry in catalog["segments"]]
        return self

    @property
    def content(self) -> Content:
        """What its codes are."""
        return self._content

    def __len__(self) -> int:
        """Codes that were not removed."""
        return sum(map(len, self.segments))

    def add(self, ids: Sequence[str], packed: Packed) -> None:
        """One more segment; codes of the same ids in earlier ones are removed in the same step."""
        if len(ids) != len(packed):
            raise CodesError(f"there are {len(packed)} codes but {len(ids)} ids")
        with self._writing() as entries:
            name = uuid.uuid4().hex
            encoded = [x.encode() for x in ids]
            arrays: dict[str, NDArray[Any]] = {
                "codes": np.ascontiguousarray(packed),
                "text": np.frombuffer(b"".join(encoded), np.uint8),
                "ends": np.cumsum([len(x) for x in encoded], dtype=np.int64),
            }
            for kind, array in arrays.items():
                self._write(f"{name}.{kind}.npy", array)
            kept = [self._without(entry, set(ids))[0] for entry in entries]
            self._commit([*kept, {"name": name, "removed": None}])

    def remove(self, ids: Sequence[str]) -> int:
        """A new list of removed rows for each segment that has some of them."""
        with self._writing() as entries:
            found = [self._without(entry, set(ids)) for entry in entries]
            if gone := sum(count for _, count in found):
                self._commit([entry for entry, _ in found])
        return gone

    def search(self, queries: Packed, k: int) -> list[Hits]:
        """The nearest of each segment, then of all."""
        parts = []
        for number, segment in enumerate(self.segments):
            if not len(segment):
                continue
            codes = segment.codes if segment.there is None else segment.codes[segment.there]
            rows, distance = nearest(queries, codes, self.content.bits, k)
            parts.append((number, rows if segment.there is None else segment.there[rows], distance))
        return [self._hits([(n, rows[q], d[q]) for n, rows, d in parts], k) for q in range(len(queries))]

    def within(self, queries: Packed, radius: int) -> list[Hits]:
        """Block by block."""
        limit = np.asarray(min(radius, self.content.bits), distance_dtype(self.content.bits))
        parts: list[list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]] = [[] for _ in queries]
        for number, segment in enumerate(self.segments):
            rows = np.arange(len(segment.codes)) if segment.there is None else segment.there
            for start in range(0, len(rows), ITEMS):
                block = rows[start : start + ITEMS]
                distance = distances(queries, segment.codes[block], self.content.bits)
                for found, of_query in zip(parts, distance, strict=True):
                    near = np.flatnonzero(of_query <= limit)
                    found.append((number, block[near], of_query[near].astype(np.int64)))
        return [self._hits(found, None) for found in parts]

    def _hits(self, parts: Sequence[tuple[int, NDArray[np.int64], NDArray[np.int64]]], k: int | None) -> Hits:
        """The nearest of what the segments found, which are in the order in which they were added."""
        width = -(-self.content.bits // 8)
        if not parts:
            return Hits(np.empty(0, np.str_), np.empty(0, np.int64), np.empty((0, width), np.uint8))
        number = np.concatenate([np.full(len(rows), n) for n, rows, _ in parts])
        rows, distance = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
        order = np.argsort(distance, kind="stable")[:k]
        ids = [self.segments[n].ids(rows[i : i + 1])[0] for i, n in zip(order, number[order], strict=True)]
        codes = [self.segments[n].codes[rows[i]] for i, n in zip(order, number[order], strict=True)]
        return Hits(np.array(ids, np.str_), distance[order], np.array(codes, np.uint8).reshape(-1, width))

    def _without(self, entry: Mapping[str, Any], ids: set[str]) -> tuple[dict[str, Any], int]:
        """The entry of a segment without some ids, and how many codes that removes."""
        segment = self._segment(entry)
        rows = np.arange(len(segment.codes)) if segment.there is None else segment.there
        gone = np.array([name in ids for name in segment.ids(rows)], dtype=bool)
        if not gone.any():
            return dict(entry), 0
        file = f"{entry['name']}.{uuid.uuid4().hex}.there.npy"
        self._write(file, rows[~gone])
        return {**entry, "removed": file}, int(gone.sum())

    def _writing(self) -> Any:
        return _Writing(self)

    def _catalog(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / CATALOG).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CodesError(f"{self.folder} is not an index ({error}); build one with 'chash index build'") from error
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise CodesError(f"{self.folder}/{CATALOG} is not that of an index; build one with 'chash index build'")
        return found

    def _commit(self, entries: list[dict[str, Any]]) -> None:
        content = asdict(self._content)
        write_json(self.folder / CATALOG, {"format": FORMAT, "engine": "scan", "content": content, "segments": entries})
        self.segments = [self._segment(entry) for entry in entries]

    def _segment(self, entry: Mapping[str, Any]) -> Segment:
        def read(file: str) -> NDArray[Any]:
            array: NDArray[Any] = np.load(self.folder / file, mmap_mode="r", allow_pickle=False)
            return array

        there = None if entry["removed"] is None else read(entry["removed"])
        codes, text, ends = (read(f"{entry['name']}.{kind}.npy") for kind in ("codes", "text", "ends"))
        return Segment(codes, text, ends, there)

    def _write(self, name: str, array: NDArray[Any]) -> None:
        with replacing(self.folder / name) as temporary, temporary.open("wb") as file:
            np.save(file, array)

    def _files(self, entries: Sequence[Mapping[str, Any]]) -> set[str]:
        names = {f"{entry['name']}.{kind}.npy" for entry in entries for kind in ("codes", "text", "ends")}
        return names | {entry["removed"] for entry in entries if entry["removed"]} | {CATALOG, ".lock"}


class _Writing:
    """Holds the lock of an index, starts from what is there now, and removes what a killed process has left."""

    def __init__(self, index: Scan) -> None:
        self.index = index

    def __enter__(self) -> list[dict[str, Any]]:
        try:
            self.lock = FileLock(self.index.folder / ".lock").acquire(timeout=0)
        except Timeout:
            raise CodesError(f"{self.index.folder} is being written by another process; wait for it") from None
        entries: list[dict[str, Any]] = self.index._catalog()["segments"]
        for path in self._left_over(entries):
            path.unlink(missing_ok=True)
        return entries

    def __exit__(self, *_: object) -> None:
        self.lock.lock.release()

    def _left_over(self, entries: Sequence[Mapping[str, Any]]) -> Iterator[Path]:
        known = self.index._files(entries)
        yield from (path for path in self.index.folder.iterdir() if path.name not in known)
