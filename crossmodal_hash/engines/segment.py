"""A piece of an index in files: codes that are written once and never changed, with their ids."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.engines.engine import Packed

BLOCK = 65_536
"""Ids that are text objects at once: some megabytes."""
_END = np.uint32(8)


@dataclass(frozen=True)
class Segment:
    """n codes, all of them memory-mapped, and which of them still count.

    Attributes:
        codes: uint8 (n, ceil(K / 8)).
        text: ids in UTF-8, one after the other, uint8.
        ends: where each id ends in `text`, int64 (n,).
        hashes: CRC-32 of each id, uint32 (n,): finds an id without reading the others.
        numbers: which of the codes of its id each is, int32 (n,).
        there: bool (n,), False for codes that were removed; None: all count.
    """

    codes: Packed
    text: NDArray[np.uint8]
    ends: NDArray[np.int64]
    hashes: NDArray[np.uint32]
    numbers: NDArray[np.int32]
    there: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.codes) if self.there is None else int(np.count_nonzero(self.there))

    def rows(self, first: int = 0) -> Iterator[NDArray[np.int64]]:
        """The rows that count, ascending, block by block, from row `first` on."""
        for start in range(first, len(self.codes), BLOCK):
            block = np.arange(start, min(start + BLOCK, len(self.codes)))
            yield block if self.there is None else block[self.there[start : start + BLOCK]]

    def ids(self, rows: NDArray[np.int64]) -> list[str]:
        """Ids of some rows; no other id is read."""
        starts = np.where(rows > 0, self.ends[rows - 1], 0)
        return [_decode(self.text[a:b].tobytes()) for a, b in zip(starts, self.ends[rows], strict=True)]

    def find(self, wanted: Wanted) -> NDArray[np.int64]:
        """The rows that count and have one of the ids wanted, ascending."""
        found = [np.empty(0, np.int64)]
        for block in self.rows() if wanted.ids else ():
            hashes = self.hashes[block]
            likely = wanted.begins[hashes >> _END]
            block, hashes = block[likely], hashes[likely]
            at = np.searchsorted(wanted.hashes, hashes).clip(max=len(wanted.hashes) - 1)
            same = block[wanted.hashes[at] == hashes]
            # Two ids may have one hash.
            found.append(same[np.array([name in wanted.ids for name in self.ids(same)], bool)])
        return np.concatenate(found)


class Wanted:
    """Ids to be found in segments.

    Args:
        ids: any number of them.
        hashes: of the same, where they are known already.

    Attributes:
        hashes: CRC-32 of them, uint32, ascending.
        begins: bool (2^24,), with which bits a hash wanted begins: one look rejects nearly all of millions of others.
    """

    def __init__(self, ids: Iterable[str], hashes: NDArray[np.uint32] | None = None) -> None:
        self.ids = {*ids}
        if hashes is None:
            hashes = np.array([_hash(_encode(name)) for name in self.ids], np.uint32)
        self.hashes = np.unique(hashes)
        self.begins = np.zeros(1 << 32 - _END, bool)
        self.begins[self.hashes >> _END] = True


def arrays_of(ids: Sequence[str] | NDArray[np.str_], packed: Packed) -> dict[str, NDArray[Any]]:
    """The arrays of a segment without removals, by the names of its attributes."""
    names = np.asarray(ids, dtype=np.str_)
    texts, lengths, found = [], [np.empty(0, np.int64)], [np.empty(0, np.uint32)]
    for encoded in _encoded(names):
        texts.append(b"".join(encoded))
        lengths.append(np.array([len(x) for x in encoded], np.int64))
        found.append(np.array([_hash(x) for x in encoded], np.uint32))
    hashes = np.concatenate(found)
    return {
        "codes": np.ascontiguousarray(packed),
        "text": np.frombuffer(b"".join(texts), np.uint8),
        "ends": np.cumsum(np.concatenate(lengths)),
        "hashes": hashes,
        "numbers": numbers_of(names, hashes),
    }


def joined(segments: Sequence[Segment]) -> dict[str, NDArray[Any]]:
    """The arrays of one segment with all codes that count of several."""
    rows = [np.concatenate([np.empty(0, np.int64), *segment.rows()]) for segment in segments]
    lengths = [np.diff(segment.ends, prepend=0) for segment in segments]
    texts = [
        segment.text if segment.there is None else segment.text[np.repeat(segment.there, length)]
        for segment, length in zip(segments, lengths, strict=True)
    ]
    kept = [length[row] for length, row in zip(lengths, rows, strict=True)]
    found = {"text": np.concatenate(texts), "ends": np.cumsum(np.concatenate(kept))}
    for name in ("codes", "hashes", "numbers"):
        found[name] = np.concatenate([getattr(s, name)[row] for s, row in zip(segments, rows, strict=True)])
    return found


def numbers_of(names: NDArray[np.str_], hashes: NDArray[np.uint32] | None = None) -> NDArray[np.int32]:
    """How often each id came before, (n,); only ids whose hash comes twice are looked at."""
    if hashes is None:
        hashes = np.array([_hash(x) for encoded in _encoded(names) for x in encoded], np.uint32)
    numbers = np.zeros(len(names), np.int32)
    order = np.argsort(hashes, kind="stable")
    same = np.flatnonzero(np.diff(hashes[order]) == 0)
    seen: dict[str, int] = {}
    for row in np.unique(order[np.concatenate([same, same + 1])]):
        name = str(names[row])
        numbers[row] = seen.get(name, 0)
        seen[name] = seen.get(name, 0) + 1
    return numbers


def _encoded(names: NDArray[np.str_]) -> Iterator[list[bytes]]:
    """The ids in UTF-8, block by block."""
    for start in range(0, len(names), BLOCK):
        yield [_encode(name) for name in names[start : start + BLOCK].tolist()]


def _encode(name: str) -> bytes:
    # File names that are not Unicode reach Python as lone surrogates.
    return name.encode("utf-8", "surrogatepass")


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")


def _hash(encoded: bytes) -> int:
    return zlib.crc32(encoded)
