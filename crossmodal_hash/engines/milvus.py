"""Engine `milvus`: a collection in a Milvus server, or in a file of the embedded one."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import re
import sqlite3
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np

from crossmodal_hash.choices import check_choice
from crossmodal_hash.codes.bits import check_packed
from crossmodal_hash.engines.address import split_address
from crossmodal_hash.engines.engine import Content, Engine, Hits, Packed, check_codes
from crossmodal_hash.engines.foreign_error import said
from crossmodal_hash.engines.segment import numbers_of
from crossmodal_hash.engines.server_content import from_comment, to_comment
from crossmodal_hash.engines.server_ids import check_ids, is_text
from crossmodal_hash.errors import ChashError, CodesError, SettingsError

if TYPE_CHECKING:
    from pymilvus import MilvusClient

Index = Literal["exact", "ivf"]
WINDOW = 16_384
"""The most items that Milvus gives for one query."""
ID_BYTES = 65_535
ROWS, BYTES = 5_000, 4_000_000
"""What is sent at once, at most: Milvus refuses messages of 64 MB."""
SPARE = 28
"""Items asked for beyond those wanted, so that most ties need no second search."""
_SERVERS: Counter[str] = Counter()
"""How many indices of this process have each embedded file open."""


class Found(NamedTuple):
    """An item that a search found; sorts by distance, then by order of addition."""

    distance: int
    position: int
    pk: str


class Milvus(Engine):
    """A collection in Milvus, in a server or cluster or in one file; exact, or with an IVF index on a server.

    Args:
        index: `exact` compares every code with each query; `ivf` looks at the clusters of codes nearest to it, which is
            faster in large collections and misses some of the nearest.
        nlist: clusters, 1..65536.
        nprobe: clusters that are looked at, 1..nlist; more find more and take longer.
        timeout: seconds until a call that fails, or is refused because of too many others, is no longer repeated.

    Example:
        >>> Milvus().exact, Milvus(index="ivf").exact
        (True, False)
    """

    addresses = ("*.db", "http://*", "https://*")

    def __init__(self, *, index: Index = "exact", nlist: int = 1_024, nprobe: int = 16, timeout: float = 60.0) -> None:
        check_choice("index", index, Index)
        if not 1 <= nlist <= 65_536:
            raise SettingsError(f"nlist={nlist} is not between 1 and 65536")
        if not 1 <= nprobe <= nlist:
            raise SettingsError(f"nprobe={nprobe} is not between 1 and nlist={nlist}")
        if timeout <= 0:
            raise SettingsError(f"timeout={timeout} is not above 0")
        self.index, self.nlist, self.nprobe, self.timeout = index, nlist, nprobe, timeout
        self._opened: MilvusClient | None = None
        self._last = 0

    @classmethod
    def example(cls, folder: Path) -> str | None:
        """A file, where the embedded Milvus is installed."""
        installed = all(map(importlib.util.find_spec, ("pymilvus", "milvus_lite", "pkg_resources")))
        return str(folder / "example.db") if installed else None

    @property
    def exact(self) -> bool:
        """Without clusters."""
        return self.index == "exact"

    @property
    def search_parameters(self) -> tuple[str, ...]:
        """Candidates or clusters of an approximate search."""
        return ("timeout",) if self.exact else ("nprobe", "timeout")

    @property
    def content(self) -> Content:
        """What its codes are."""
        return self._content

    def create(self, where: str, content: Content) -> Self:
        """A new collection, in a new file or beside others."""
        self._name(where)
        if self.embedded and not self.exact:
            raise CodesError(f"the embedded Milvus has no index={self.index}; leave it out, or give a server's address")
        new = self.embedded and not Path(self.server).exists()
        try:
            if self._call("has_collection"):
                raise CodesError(f"{where} already holds {self.collection}; choose another name after '#'")
            client = self._client()
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False, description=to_comment(content))
            from pymilvus import DataType

            schema.add_field("pk", DataType.VARCHAR, max_length=32, is_primary=True)
            schema.add_field("item", DataType.VARCHAR, max_length=ID_BYTES)
            for name in ("key", "number", "position"):
                schema.add_field(name, DataType.INT64)
            schema.add_field("code", DataType.BINARY_VECTOR, dim=8 * -(-content.bits // 8))
            index = client.prepare_index_params()
            kind, params = ("BIN_FLAT", {}) if self.exact else ("BIN_IVF_FLAT", {"nlist": self.nlist})
            index.add_index("code", index_type=kind, metric_type="HAMMING", params=params)
            self._call("create_collection", schema=schema, index_params=index, consistency_level="Strong")
        except CodesError:
            self.close()
            if new:
                Path(self.server).unlink(missing_ok=True)
            raise
        self._content = content
        return self

    def open(self, where: str) -> Self:
        """The collection that is there."""
        self._name(where)
        if (self.embedded and not Path(self.server).exists()) or not self._call("has_collection"):
            self.close()
            raise CodesError(f"{where} has no collection {self.collection}; build it with 'chash index build'")
        try:
            self._content = from_comment(self._call("describe_collection")["description"])
        except ValueError as error:
            self.close()
            raise CodesError(
                f"the collection {self.collection} of {where} is not an index of this program: {error}; choose another "
                "name after '#'"
            ) from error
        self.restore(self._content)
        self._call("load_collection")
        return self

    def add(self, ids: Sequence[str], packed: Packed) -> None:
        """Batch by batch, and then what the same ids had before; interrupted, the same call completes it."""
        check_codes(ids, packed, self.content.bits)
        check_ids(ids, ID_BYTES, "Milvus")
        numbers = numbers_of(np.asarray(ids, np.str_)).tolist()
        if max(numbers, default=0) >= WINDOW - 1:
            raise CodesError(f"an id has {max(numbers) + 1:,} codes, but here at most {WINDOW - 1:,}; use fewer")
        old = len(self) > 0
        # Positions grow from one addition to the next, without asking the server and whoever adds.
        start = self._last = max(time.time_ns(), self._last)
        rows: list[dict[str, Any]] = []
        size = 0
        for i, (item, number) in enumerate(zip(ids, numbers, strict=True)):
            row = {"pk": _pk(item, number), "item": item, "key": _key(item), "number": number, "position": start + i,
                   "code": packed[i].tobytes()}  # fmt: skip
            rows.append(row)
            size += len(item.encode()) + packed.shape[1]
            if len(rows) == ROWS or size > BYTES or i == len(ids) - 1:
                self._call("upsert", data=rows)
                rows, size = [], 0
        self._last += len(ids)
        if old:
            self._delete([row["pk"] for row in self._rows(ids, f"position < {start}")])

    def remove(self, ids: Sequence[str]) -> int:
        """Batch by batch; interrupted, the same call completes it."""
        return self._delete([row["pk"] for row in self._rows(ids)])

    def codes_of(self, item: str) -> Packed:
        """By a hash of the id."""
        rows = sorted(self._rows([item], fields=["number", "code"]), key=lambda row: int(row["number"]))
        return self._codes(rows)

    def search(self, queries: Packed, k: int) -> list[Hits]:
        """The first of the nearest, with ties in the order of addition if it is exact."""
        check_packed(queries, self.content.bits)
        if k >= WINDOW and (k := min(k, len(self))) >= WINDOW:
            raise CodesError(f"Milvus finds {WINDOW - 1:,} items at most, not {k:,}; ask for fewer, or by a radius")
        if not len(queries) or not k:
            return [self._hits([], {}) for _ in queries]
        found: list[list[Found]] = []
        limit = min(k + SPARE, WINDOW)
        at_once = max(1, 200_000 // limit)
        for start in range(0, len(queries), at_once):
            block = queries[start : start + at_once]
            for query, near in zip(block, self._near(block, limit), strict=True):
                found.append(self._settle(query, near, k, limit) if self.exact else near[:k])
        return self._answer(found)

    def within(self, queries: Packed, radius: int) -> list[Hits]:
        """By a search of all clusters."""
        check_packed(queries, self.content.bits)
        everything = (0, 2**63 - 1)
        return self._answer([sorted(self._all(query[None], (0, radius), everything)) for query in queries])

    def __len__(self) -> int:
        return int(self._call("query", filter="", output_fields=["count(*)"])[0]["count(*)"])

    def close(self) -> None:
        """End the connection; the embedded server ends with the last one of this process."""
        if self._opened is None:
            return
        with suppress(Exception):
            self._opened.close()
        self._opened = None
        if self.embedded:
            path = str(Path(self.server).resolve())
            _SERVERS[path] -= 1
            if not _SERVERS[path]:
                from milvus_lite.server_manager import server_manager_instance

                with suppress(Exception):
                    server_manager_instance.release_server(path)

    def _name(self, where: str) -> None:
        self.server, self.collection = split_address(where)
        self.embedded = "://" not in self.server
        if not re.fullmatch(r"[A-Za-z_]\w{0,254}", self.collection, re.ASCII):
            raise CodesError(
                f"a collection has a name of up to 255 letters, digits and '_', not {self.collection[:300]!r}; choose "
                "another name after '#'"
            )
        if not self.embedded:
            return
        path = Path(self.server)
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,36}", path.name, re.ASCII):
            raise CodesError(
                f"the embedded Milvus takes file names of up to 36 letters, digits, '.', '_' and '-', not {path.name}; "
                "choose another name"
            )
        if not path.resolve().parent.is_dir():
            raise CodesError(f"the folder of {path} does not exist; make it first")
        if path.exists() and not _is_ours(path):
            raise CodesError(f"{path} is a file that the embedded Milvus did not make; choose another name")

    def _near(
        self, queries: Packed, limit: int, ring: tuple[int, int] | None = None, among: tuple[int, int] | None = None
    ) -> list[list[Found]]:
        """Up to `limit` items for each query, sorted: at some distances, with some positions."""
        bits = self.content.bits
        params: dict[str, Any] = {} if self.exact else {"nprobe": self.nlist if ring else self.nprobe}
        if ring:
            params |= {"range_filter": ring[0], "radius": min(ring[1], bits) + 1}
        answer = self._call(
            "search",
            data=[query.tobytes() for query in queries],
            anns_field="code",
            limit=limit,
            filter=f"position >= {among[0]} and position <= {among[1]}" if among else "",
            output_fields=["position"],
            search_params={"metric_type": "HAMMING", "params": params},
        )
        return [sorted(Found(int(x["distance"]), int(x["entity"]["position"]), x["id"]) for x in y) for y in answer]

    def _settle(self, query: Packed, near: list[Found], k: int, limit: int) -> list[Found]:
        """The first k: all that are nearer than the k-th, and of those that are as near the ones that were added first.

        Milvus cuts a list of ties anywhere. Of ties that do not fit into one answer, the last one wanted is no later
        than that of those it gave.
        """
        if len(near) < limit or near[-1].distance > near[k - 1].distance:
            return near[:k]
        last = near[k - 1].distance
        nearer = [x for x in near if x.distance < last]
        wanted, among = k - len(nearer), (0, 2**63 - 1)
        (ties,) = self._near(query[None], WINDOW, (last, last))
        while len(ties) == WINDOW:
            among = (0, ties[wanted - 1].position)
            (ties,) = self._near(query[None], WINDOW, (last, last), among)
        return nearer + ties[:wanted]

    def _all(self, query: Packed, ring: tuple[int, int], among: tuple[int, int]) -> list[Found]:
        """Every item of a ring, by halves where one answer cannot hold them."""
        (found,) = self._near(query, WINDOW, ring, among)
        if len(found) < WINDOW:
            return found
        middle = sorted(x.position for x in found)[len(found) // 2 - 1]
        return self._all(query, ring, (among[0], middle)) + self._all(query, ring, (middle + 1, among[1]))

    def _answer(self, found: Sequence[Sequence[Found]]) -> list[Hits]:
        """Hits with the ids and codes of what was found."""
        pks, rows = list(dict.fromkeys(x.pk for near in found for x in near)), {}
        for start in range(0, len(pks), ROWS):
            chosen = f"pk in {_listed(pks[start : start + ROWS])}"
            for row in self._call("query", filter=chosen, output_fields=["item", "number", "code"]):
                rows[row["pk"]] = row
        # What somebody has removed since then is left out.
        return [self._hits([x for x in near if x.pk in rows], rows) for near in found]

    def _hits(self, near: Sequence[Found], rows: dict[str, dict[str, Any]]) -> Hits:
        return Hits(
            np.array([rows[x.pk]["item"] for x in near], np.str_),
            np.array([rows[x.pk]["number"] for x in near], np.int64),
            np.array([x.distance for x in near], np.int64),
            self._codes([rows[x.pk] for x in near]),
        )

    def _codes(self, rows: Sequence[dict[str, Any]]) -> Packed:
        data = b"".join(bytes(row["code"][0]) for row in rows)
        return np.frombuffer(data, np.uint8).reshape(-1, -(-self.content.bits // 8))

    def _rows(self, ids: Sequence[str], condition: str = "", fields: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """The rows of some ids. Filters hold numbers and hexadecimals alone, so that no id can change their meaning."""
        wanted = [item for item in dict.fromkeys(ids) if is_text(item)]
        for start in range(0, len(wanted), ROWS):
            yield from self._some(wanted[start : start + ROWS], condition, fields)

    def _some(self, ids: Sequence[str], condition: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        chosen = " and ".join(part for part in (f"key in {[_key(item) for item in ids]}", condition) if part)
        found = self._call("query", filter=chosen, output_fields=["item", *fields], limit=WINDOW)
        if len(found) == WINDOW and len(ids) > 1:
            for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
                yield from self._some(half, condition, fields)
            return
        # Two ids may have one key.
        there = {*ids}
        yield from (row for row in found if row["item"] in there)

    def _delete(self, pks: Sequence[str]) -> int:
        for start in range(0, len(pks), ROWS):
            self._call("delete", filter=f"pk in {_listed(pks[start : start + ROWS])}")
        return len(pks)

    def _call(self, method: str, **arguments: Any) -> Any:
        """One call of the client, which repeats what fails for a moment until the time is over."""
        try:
            return getattr(self._client(), method)(self.collection, timeout=self.timeout, **arguments)
        except ChashError:
            raise
        except Exception as error:
            if self.embedded:
                # Its process may have ended; the next call starts another one.
                self.close()
            raise CodesError(
                f"Milvus at {self.server} does not do what was asked of {self.collection} ({said(error, 300)}); see to "
                "that and run the same command again, which completes what was interrupted"
            ) from error

    def _client(self) -> MilvusClient:
        if self._opened is not None:
            return self._opened
        try:
            from pymilvus import MilvusClient

            if self.embedded:
                with warnings.catch_warnings():
                    # It reads its own version in a way that setuptools discourages.
                    warnings.simplefilter("ignore")
                    import milvus_lite  # noqa: F401
        except ImportError as error:
            more = ", and the embedded Milvus exists for Linux and macOS alone" if self.embedded else ""
            raise CodesError(
                f"the engine milvus needs {error.name}{more}; install it: pip install 'crossmodal-hash[milvus]'"
            ) from error
        # It would print a traceback of its own for each error, and every error is raised too.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        try:
            self._opened = MilvusClient(
                uri=self.server, token="" if self.embedded else os.environ.get("MILVUS_TOKEN", ""), timeout=self.timeout
            )
        except Exception as error:
            way = (
                "another process may have it open"
                if self.embedded
                else "check the address, that the server runs, and MILVUS_TOKEN"
            )
            raise CodesError(f"cannot open Milvus at {self.server} ({said(error, 300)}); {way}") from error
        if self.embedded:
            _SERVERS[str(Path(self.server).resolve())] += 1
        return self._opened


def _pk(item: str, number: int) -> str:
    """The primary key of a code: 128 bits of a hash, since the embedded Milvus builds statements of them by itself."""
    return hashlib.blake2b(f"{item}\0{number}".encode(), digest_size=16).hexdigest()


def _key(item: str) -> int:
    """What an id is looked up by."""
    return int.from_bytes(hashlib.blake2b(item.encode(), digest_size=8).digest(), "big", signed=True)


def _listed(pks: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{pk}"' for pk in pks) + "]"


def _is_ours(path: Path) -> bool:
    """Whether a file is a database of the embedded Milvus, which would write its tables into that of anybody else."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
            names = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error:
        return False
    return not names or "collection_meta" in names
