"""Codes with ids in a folder: what an engine that keeps files is made of."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from crossmodal_hash.atomic import replacing, write_json
from crossmodal_hash.engines.engine import Content, Hits, Packed, check_codes
from crossmodal_hash.engines.segment import Segment, Wanted, arrays_of, joined
from crossmodal_hash.errors import CodesError

CATALOG, LOCK, FORMAT, VERSION = "index.json", ".lock", "crossmodal_hash.index", 1
Part = tuple[int, NDArray[np.int64], NDArray[np.int64]]
"""What was found in one segment: its number, rows, and their distances."""
_ARRAYS = ("codes", "text", "ends", "hashes", "numbers")


class Store:
    """Segments of codes in a folder, and a catalog of them that is replaced last.

    Nothing but the catalog is ever changed: what a killed process leaves besides is not in it, is never looked at, and
    is removed by the next one that writes. Segments are joined so that each is at least twice as long as the next: a
    million additions of one code leave twenty segments.

    Attributes:
        folder: where it is.
        content: what its codes are.
        segments: in the order in which they were added.
        files: bytes of the engine's own, by a name of its choice, memory-mapped like the segments.
    """

    def __init__(self, folder: Path, catalog: Mapping[str, Any]) -> None:
        self.folder = folder
        self._read(catalog)

    def _read(self, catalog: Mapping[str, Any]) -> None:
        self.content = Content(**catalog["content"])
        # Mapped at once: a writer that comes later removes the file, but not what is mapped.
        self.files = {
            name: np.memmap(self.folder / file, np.uint8, mode="r") for name, file in catalog["files"].items()
        }
        self.segments = [_segment(self.folder, entry) for entry in catalog["segments"]]

    def __len__(self) -> int:
        return sum(map(len, self.segments))

    @classmethod
    def create(cls, where: str, content: Content) -> Store:
        """A store without codes in a new folder, or in an empty one.

        A store that has no codes yet, as a killed build leaves it, counts as empty.

        Raises:
            CodesError: if something is there, or the folder cannot be made.
        """
        folder = Path(where)
        try:
            if folder.exists() and not _is_vacant(folder):
                raise CodesError(f"{where} already holds something; choose another folder for the index")
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _failed(folder, error) from error
        catalog = _catalog(content, [], {})
        _commit(folder, catalog)
        return cls(folder, catalog)

    @classmethod
    def open(cls, where: str) -> Store:
        """The store in a folder, as it is now.

        Raises:
            CodesError: if there is none, or its files are damaged.
        """
        folder = Path(where)
        for _ in range(100):
            catalog = read_catalog(folder)
            try:
                return cls(folder, catalog)
            except FileNotFoundError as error:
                # Joined and removed by a writer since the catalog was read; then there is another one by now.
                if read_catalog(folder) == catalog:
                    raise CodesError(f"{folder} misses {error.filename}; build the index again") from error
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise CodesError(f"{folder} is damaged ({error}); build the index again") from error
        raise CodesError(f"{folder} changes faster than it can be read; wait for those who write")

    @contextmanager
    def change(self) -> Iterator[Change]:
        """The one who writes; what was changed counts when the block ends, and not at all if it fails.

        The store itself is as others have left it from the beginning of the block on.

        Raises:
            CodesError: if somebody else writes, or the disk refuses.
        """
        try:
            with FileLock(self.folder / LOCK).acquire(timeout=0):
                self._read(before := read_catalog(self.folder))
                change = Change(self.folder, before)
                yield change
                if change.changed:
                    catalog = change.catalog()
                    _commit(self.folder, catalog)
                    self._read(catalog)
                    _sweep(self.folder, catalog)
        except Timeout:
            raise CodesError(f"{self.folder} is being written by another process; wait for it") from None
        except OSError as error:
            raise _failed(self.folder, error) from error

    def codes_of(self, item: str) -> Packed:
        """The codes of one id in their order; none if it is not there."""
        wanted = Wanted({item})
        found = [segment.codes[segment.find(wanted)] for segment in self.segments]
        return np.concatenate([np.empty((0, -(-self.content.bits // 8)), np.uint8), *found])

    def hits(self, parts: Sequence[Part], k: int | None) -> Hits:
        """The k nearest of what some segments found, or all; at the same distance in the order of the parts."""
        empty = np.empty(0, np.int64)
        number = np.concatenate([empty, *(np.full(len(rows), n) for n, rows, _ in parts)])
        rows, distance = (np.concatenate([empty, *(part[i] for part in parts)]) for i in (1, 2))
        order = np.argsort(distance, kind="stable")[:k]
        number, rows, k = number[order], rows[order], len(order)
        ids, numbers = np.empty(k, object), np.empty(k, np.int64)
        packed = np.empty((k, -(-self.content.bits // 8)), np.uint8)
        for n in np.unique(number).tolist():
            of, segment = number == n, self.segments[n]
            ids[of], numbers[of], packed[of] = segment.ids(rows[of]), segment.numbers[rows[of]], segment.codes[rows[of]]
        return Hits(ids.astype(np.str_), numbers, distance[order], packed)


@dataclass
class Change:
    """A new state of a store, in files that do not count yet.

    Attributes:
        folder: of the store.
        before: the catalog that it starts from.
        changed: whether there is anything new.
    """

    folder: Path
    before: dict[str, Any]
    changed: bool = False
    entries: list[dict[str, Any]] = field(init=False)
    files: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        _sweep(self.folder, self.before)
        self.entries, self.files = list(self.before["segments"]), dict(self.before["files"])

    @property
    def segments(self) -> list[Segment]:
        """The segments as they will be."""
        return [_segment(self.folder, entry) for entry in self.entries]

    def add(self, ids: Sequence[str], packed: Packed) -> None:
        """One more segment, and the same ids of earlier ones removed."""
        check_codes(ids, packed, self.before["content"]["bits"])
        if not len(ids):
            return
        arrays = arrays_of(ids, packed)
        self._remove(Wanted(ids, arrays["hashes"]))
        self._append(arrays)
        while len(self.entries) > 1 and self.entries[-2]["n"] < 2 * self.entries[-1]["n"]:
            arrays = joined(self.segments[-2:])
            del self.entries[-2:]
            self._append(arrays)

    def remove(self, ids: Sequence[str]) -> int:
        """Which rows still count, anew for each segment that has some of the ids; a segment without any is dropped."""
        return self._remove(Wanted(ids))

    def _remove(self, wanted: Wanted) -> int:
        total = 0
        for i, (entry, segment) in enumerate(zip(self.entries, self.segments, strict=True)):
            if not len(gone := segment.find(wanted)):
                continue
            total += len(gone)
            there = np.ones(len(segment.codes), bool) if segment.there is None else np.array(segment.there)
            there[gone] = False
            file = f"{entry['name']}.{uuid.uuid4().hex}.there.npy"
            self._write(file, there)
            self.entries[i] = {**entry, "n": int(np.count_nonzero(there)), "there": file}
            self.changed = True
        self.entries = [entry for entry in self.entries if entry["n"]]
        return total

    def put(self, name: str, data: NDArray[np.uint8] | None) -> None:
        """A file of the engine's own, in place of the one that has this name so far; None: no such file any more."""
        if data is None:
            self.changed |= self.files.pop(name, None) is not None
            return
        file = f"{uuid.uuid4().hex}.{name}"
        with replacing(self.folder / file) as temporary:
            temporary.write_bytes(data.data)
        self.files[name], self.changed = file, True

    def catalog(self) -> dict[str, Any]:
        """What the store will be."""
        return _catalog(Content(**self.before["content"]), self.entries, self.files)

    def _append(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        name = uuid.uuid4().hex
        for kind in _ARRAYS:
            self._write(f"{name}.{kind}.npy", arrays[kind])
        self.entries.append({"name": name, "n": len(arrays["codes"]), "there": None})
        self.changed = True

    def _write(self, name: str, array: NDArray[Any]) -> None:
        with replacing(self.folder / name) as temporary, temporary.open("wb") as file:
            np.save(file, array)


def read_catalog(folder: Path) -> dict[str, Any]:
    """The catalog of the index in a folder.

    Raises:
        CodesError: if there is none.
    """
    try:
        found = json.loads((folder / CATALOG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CodesError(f"{folder} is not an index ({error}); build one with 'chash index build'") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise CodesError(f"{folder / CATALOG} is not that of an index; build one with 'chash index build'")
    if found.get("version") != VERSION:
        raise CodesError(
            f"{folder} has index version {found.get('version')}, but this program reads {VERSION}; build it again"
        )
    return found


def _is_vacant(folder: Path) -> bool:
    """Whether nothing is there that somebody would miss."""
    if not folder.is_dir():
        return False
    if not (folder / CATALOG).exists():
        return not any(folder.iterdir())
    try:
        return not read_catalog(folder)["segments"]
    except (CodesError, KeyError):
        return False


def _catalog(content: Content, entries: list[dict[str, Any]], files: dict[str, str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "content": asdict(content),
        "segments": entries,
        "files": files,
    }


def _commit(folder: Path, catalog: Mapping[str, Any]) -> None:
    try:
        write_json(folder / CATALOG, catalog)
    except OSError as error:
        raise _failed(folder, error) from error


def _failed(folder: Path, error: OSError) -> CodesError:
    return CodesError(f"cannot write to {folder} ({error.strerror or error}); the index is as it was before")


def _segment(folder: Path, entry: Mapping[str, Any]) -> Segment:
    def read(file: str) -> NDArray[Any]:
        # Indexing a few rows of a memmap takes several times as long as those of a plain array of the same memory.
        return np.asarray(np.load(folder / file, mmap_mode="r", allow_pickle=False))

    there = None if entry["there"] is None else read(entry["there"])
    return Segment(**{kind: read(f"{entry['name']}.{kind}.npy") for kind in _ARRAYS}, there=there)


def _sweep(folder: Path, catalog: Mapping[str, Any]) -> None:
    """Remove the files that do not count, as a killed process or a join leaves them."""
    known = {f"{entry['name']}.{kind}.npy" for entry in catalog["segments"] for kind in _ARRAYS}
    known |= {entry["there"] for entry in catalog["segments"]} | {*catalog["files"].values(), CATALOG, LOCK}
    for path in folder.iterdir():
        if path.name not in known:
            # Windows keeps a file that a reader has mapped; the next writer removes it.
            with suppress(OSError):
                path.unlink()
