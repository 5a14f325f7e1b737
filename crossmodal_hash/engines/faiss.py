"""Engine `faiss`: codes in a folder as those of `scan`, and beside them a file of faiss that is searched."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.choices import check_choice
from crossmodal_hash.codes.bits import check_packed
from crossmodal_hash.engines.engine import Content, Hits, Packed
from crossmodal_hash.engines.ranks import Ranks, codes_from, ranks_of
from crossmodal_hash.engines.scan import Scan
from crossmodal_hash.engines.segment import Segment, Wanted
from crossmodal_hash.engines.store import Change, Part
from crossmodal_hash.errors import CodesError, SettingsError

Kind = Literal["flat", "ivf", "hnsw", "hash"]
TAIL = 8
"""New codes are scanned until they are more than one in so many; only then is the file of faiss written again."""
GROWN = 4
"""Lists are learned again when there are so many times as many codes as they were learned from."""
SAMPLE = 64
"""Codes a list is learned from."""
INDEX, THERE = "faiss", "there"
_OF_SEARCH: dict[Kind, tuple[str, ...]] = {
    "flat": (),
    "ivf": ("nprobe",),
    "hnsw": ("ef_search",),
    "hash": ("nflip",),
}


class Faiss(Scan):
    """What faiss finds in a folder: among all codes (`flat`, exact), or among some of them (`ivf`, `hnsw`, `hash`).

    The names of the parameters are those of faiss. Where an approximate kind finds fewer than k codes, those of a query
    are found by a scan, so that there are always k.

    Args:
        kind: `flat` compares all codes; `ivf` those of the lists nearest to the query; `hnsw` follows the links of a
            graph; `hash` compares those that share some bits with the query.
        nlist: lists of `ivf`, >= 1; None: 4 sqrt(N), learned again as the index grows.
        nprobe: how many of them are searched, >= 1.
        m: links of a code to others in `hnsw`, >= 2.
        ef_construction: how many codes are looked at to find them, >= 1.
        ef_search: how many are looked at for a query, >= 1.
        nhash: hash tables of `hash`, >= 1, each of other bits.
        b: bits of each, >= 1, nhash * b <= K; None: K / nhash, but not more than 16.
        nflip: how many of these bits may differ from those of the query, >= 0.

    Raises:
        SettingsError: for a value that is none of these.
        CodesError: in `create` and `open`, if faiss is not installed.

    Example:
        >>> import tempfile
        >>> index = Faiss().create(tempfile.mkdtemp() + "/index", Content(8, "image"))
        >>> index.add(["cat", "dog"], np.array([[1], [255]], dtype=np.uint8))
        >>> index.search(np.array([[3]], dtype=np.uint8), 1)[0].ids.tolist()
        ['cat']
    """

    def __init__(
        self,
        *,
        kind: Kind = "flat",
        nlist: int | None = None,
        nprobe: int = 32,
        m: int = 32,
        ef_construction: int = 40,
        ef_search: int = 128,
        nhash: int = 4,
        b: int | None = None,
        nflip: int = 1,
    ) -> None:
        check_choice("kind", kind, Kind)
        least = {"nlist": 1, "nprobe": 1, "m": 2, "ef_construction": 1, "ef_search": 1, "nhash": 1, "b": 1, "nflip": 0}
        given = locals()
        for name, lowest in least.items():
            if given[name] is not None and given[name] < lowest:
                raise SettingsError(f"{name} is {given[name]}; use {lowest} or more")
        self.kind: Kind = kind
        self.nlist, self.nprobe = nlist, nprobe
        self.m, self.ef_construction, self.ef_search = m, ef_construction, ef_search
        self.nhash, self.b, self.nflip = nhash, b, nflip
        self._last: tuple[list[Segment], Known | None] | None = None

    @property
    def exact(self) -> bool:
        """Of kind `flat` alone."""
        return self.kind == "flat"

    @property
    def search_parameters(self) -> tuple[str, ...]:
        """What the kind has of them."""
        return _OF_SEARCH[self.kind]

    def create(self, where: str, content: Content) -> Self:
        """In a new folder, or an empty one."""
        imported()
        if self.kind == "hash" and self._hashed(content.bits) * self.nhash > content.bits:
            raise CodesError(
                f"{self.nhash} hash tables of {self._hashed(content.bits)} bits need more than the {content.bits} bits "
                "of these codes; choose a smaller nhash or b"
            )
        return super().create(where, content)

    def open(self, where: str) -> Self:
        """The index in a folder."""
        imported()
        return super().open(where)

    def add(self, ids: Sequence[str], packed: Packed) -> None:
        """One more segment of the store; faiss gets to know it when there are enough of them."""
        with self.store.change() as change:
            gone = ranks_of(self.store.segments, Wanted(ids))
            change.add(ids, packed)
            self._follow(change, gone)

    def remove(self, ids: Sequence[str]) -> int:
        """Codes stay in the file of faiss and are passed over, until they are more than half of it."""
        with self.store.change() as change:
            gone = ranks_of(self.store.segments, Wanted(ids))
            change.remove(ids)
            self._follow(change, gone)
        return len(gone)

    def search(self, queries: Packed, k: int) -> list[Hits]:
        """The nearest that faiss knows, and of those that it does not know yet; a scan where faiss finds fewer."""
        check_packed(queries, self.content.bits)
        known = self._known()
        if known is None or k < 1 or not len(queries):
            return super().search(queries, k)
        # Those that were removed are fewer than half.
        asked = k if known.ranks_at is None else 2 * k + 8
        with reported(f"{self.store.folder} cannot be searched"):
            found = known.index.search(queries, min(asked, int(known.index.ntotal)))
        parts = [known.parts(positions, distances) for distances, positions in zip(*found, strict=True)]
        enough = [sum(len(rows) for _, rows, _ in of) >= min(k, known.count) for of in parts]
        scanned = iter(super().search(queries[np.logical_not(enough)], k))
        return [
            self.store.hits([*of, *new], k) if whole else next(scanned)
            for of, new, whole in zip(parts, self.scan(queries, k, known.count), enough, strict=True)
        ]

    def within(self, queries: Packed, radius: int) -> list[Hits]:
        """Every code, whatever the kind: by faiss if it compares all, and otherwise by a scan."""
        check_packed(queries, self.content.bits)
        known = self._known()
        if not self.exact or known is None or not len(queries):
            return super().within(queries, radius)
        with reported(f"{self.store.folder} cannot be searched"):
            ends, distances, positions = known.index.range_search(queries, min(radius, self.content.bits) + 1)
        return [
            self.store.hits([*known.parts(positions[a:b], distances[a:b]), *rest], None)
            for a, b, rest in zip(ends[:-1], ends[1:], self.scan_within(queries, radius, known.count), strict=True)
        ]

    def _follow(self, change: Change, gone: NDArray[np.int64]) -> None:
        """Keep the file of faiss in step with a change, or write it again where it would pass over too much."""
        if not change.changed:
            return
        segments, index = change.segments, self._read()
        count, least = sum(map(len, segments)), (self.nlist or 1) if self.kind == "ivf" else 1
        there = np.empty(0, bool) if index is None else self._there(index).copy()
        before = np.flatnonzero(there)
        there[before[gone[gone < len(before)]]] = False
        known = int(np.count_nonzero(there))
        if count < least:
            change.put(INDEX, None)
            change.put(THERE, None)
            return
        with reported(f"faiss cannot index {count} codes"):
            if index is None or 2 * known < len(there) or self._outgrown(index, count):
                codes = codes_from(segments, 0)
                index, there = self._trained(codes), np.empty(0, bool)
            elif TAIL * (count - known) > known:
                codes = codes_from(segments, known)
            else:
                codes = np.empty((0, index.code_size), np.uint8)
            if len(codes):
                index.add(codes)
                there = np.concatenate([there, np.ones(len(codes), bool)])
                change.put(INDEX, imported().serialize_index_binary(index))
        change.put(THERE, None if there.all() else there.view(np.uint8))

    def _trained(self, codes: Packed) -> Any:
        """An index of faiss for such codes, without any."""
        faiss, width = imported(), 8 * codes.shape[1]
        if self.kind == "flat":
            return faiss.IndexBinaryFlat(width)
        if self.kind == "hash":
            return faiss.IndexBinaryMultiHash(width, self.nhash, self._hashed(self.content.bits))
        if self.kind == "hnsw":
            index = faiss.IndexBinaryHNSW(width, self.m)
            index.hnsw.efConstruction = self.ef_construction
            return index
        lists = self.nlist or min(len(codes), int(4 * len(codes) ** 0.5))
        index = faiss.IndexBinaryIVF(faiss.IndexBinaryFlat(width), width, lists)
        # faiss warns on standard error, which is ours, where a list is learned from fewer than 39.
        index.cp.min_points_per_centroid = 1
        index.train(codes[np.sort(np.random.default_rng(0).permutation(len(codes))[: SAMPLE * lists])])
        return index

    def _outgrown(self, index: Any, count: int) -> bool:
        return self.kind == "ivf" and self.nlist is None and count > GROWN * (index.nlist / 4) ** 2

    def _hashed(self, bits: int) -> int:
        return self.b or max(1, min(16, bits // self.nhash))

    def _known(self) -> Known | None:
        """What faiss knows of the store as it is now, read once."""
        if self._last is None or self._last[0] is not self.store.segments:
            index = self._read()
            known = None if index is None else Known(index, self._there(index), Ranks(self.store.segments))
            self._last = (self.store.segments, known)
        return self._last[1]

    def _read(self) -> Any:
        """The index in the file, each time a new one; None if there is no file."""
        if INDEX not in self.store.files:
            return None
        with reported(f"{self.store.folder} is damaged"):
            index = imported().deserialize_index_binary(self.store.files[INDEX])
            if self.kind == "ivf":
                index.nprobe = self.nprobe
            elif self.kind == "hnsw":
                index.hnsw.efConstruction, index.hnsw.efSearch = self.ef_construction, self.ef_search
            elif self.kind == "hash":
                index.nflip = self.nflip
        return index

    def _there(self, index: Any) -> NDArray[np.bool_]:
        """Which of the codes in the file of faiss still count."""
        there = self.store.files[THERE].view(bool) if THERE in self.store.files else np.ones(index.ntotal, bool)
        if len(there) != index.ntotal or np.count_nonzero(there) > len(self.store):
            raise CodesError(f"{self.store.folder} is damaged (codes that do not belong together); build it again")
        return there


class Known:
    """Codes in a file of faiss, the first `count` of all codes that count; later ones are not in it yet."""

    def __init__(self, index: Any, there: NDArray[np.bool_], ranks: Ranks) -> None:
        self.index, self.ranks, self.count = index, ranks, int(np.count_nonzero(there))
        # By the position in the file; -1 is one that was removed.
        self.ranks_at = None if there.all() else np.where(there, np.cumsum(there) - 1, -1)

    def parts(self, positions: NDArray[np.int64], distances: NDArray[Any]) -> list[Part]:
        """What faiss found, without gaps and removed codes; at the same distance in the order of addition."""
        ranks = positions if self.ranks_at is None else np.where(positions < 0, -1, self.ranks_at[positions])
        order = np.lexsort((ranks, distances))
        order = order[ranks[order] >= 0]
        return self.ranks.parts(ranks[order], distances[order].astype(np.int64))


def imported() -> Any:
    """The module faiss.

    Raises:
        CodesError: if it is not installed.
    """
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise CodesError("the engine faiss needs faiss; install it: pip install 'crossmodal-hash[faiss]'") from error


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Turn what faiss raises, which may be anything, into a sentence."""
    try:
        yield
    except (CodesError, OSError):
        raise
    except Exception as error:
        raise CodesError(f"{what} ({' '.join(str(error).split()):.200}); build the index again") from error
