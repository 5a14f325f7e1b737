"""Engine `pgvector`: a table in a PostgreSQL database with the extension `vector`."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.choices import check_choice
from crossmodal_hash.codes.bits import check_packed
from crossmodal_hash.engines.address import split_address
from crossmodal_hash.engines.engine import Content, Engine, Hits, Packed, check_codes
from crossmodal_hash.engines.foreign_error import said
from crossmodal_hash.engines.segment import numbers_of
from crossmodal_hash.engines.server_content import from_comment, to_comment
from crossmodal_hash.engines.server_ids import check_ids, is_text
from crossmodal_hash.errors import CodesError, SettingsError

if TYPE_CHECKING:
    from psycopg import Connection, Cursor
    from psycopg.sql import Composed

Index = Literal["exact", "hnsw"]
ID_BYTES, NAME_BYTES = 2_600, 63
"""The longest id that fits into a page of PostgreSQL's index, and the longest name of a table."""
EF_SEARCH = 1_000
"""The most candidates that pgvector keeps."""
BLOCK = 10_000


class Pgvector(Engine):
    """A table in PostgreSQL with the extension vector: exact, or with an HNSW index.

    Args:
        index: `exact` compares every code with each query; `hnsw` follows a graph, which is faster in large tables and
            misses some of the nearest (Malkov and Yashunin, 2018).
        m: neighbors of each code in the graph, 2..100.
        ef_construction: candidates for them, 2m..1000.
        ef_search: candidates while searching, 1..1000; more find more and take longer.

    Example:
        >>> Pgvector().exact, Pgvector(index="hnsw").exact
        (True, False)
    """

    addresses = ("postgresql://*", "postgres://*")

    def __init__(self, *, index: Index = "exact", m: int = 16, ef_construction: int = 64, ef_search: int = 100) -> None:
        check_choice("index", index, Index)
        for name, value, low, high in (
            ("m", m, 2, 100),
            ("ef_construction", ef_construction, 2 * m, 1_000),
            ("ef_search", ef_search, 1, EF_SEARCH),
        ):
            if not low <= value <= high:
                raise SettingsError(f"{name}={value} is not between {low} and {high}")
        self.index, self.m, self.ef_construction, self.ef_search = index, m, ef_construction, ef_search
        self._opened: Connection[Any] | None = None

    @property
    def exact(self) -> bool:
        """Without a graph."""
        return self.index == "exact"

    @property
    def search_parameters(self) -> tuple[str, ...]:
        """Candidates or clusters of an approximate search."""
        return () if self.exact else ("ef_search",)

    @property
    def content(self) -> Content:
        """What its codes are."""
        return self._content

    def create(self, where: str, content: Content) -> Self:
        """A new table."""
        self._name(where)
        with self._transaction() as cursor:
            if self._find(cursor) is not None:
                raise CodesError(f"{where} already holds the table {self.table}; choose another name after '#'")
            self._extend(cursor)
            cursor.execute(
                # The order of the alphabet of a language takes time, and changes with the operating system.
                self._sql(
                    'CREATE TABLE {table} (item text COLLATE "C" NOT NULL, number integer NOT NULL, '
                    "position bigint GENERATED ALWAYS AS IDENTITY, code bit({}) NOT NULL, PRIMARY KEY (item, number))",
                    content.bits,
                )
            )
            cursor.execute(self._sql("COMMENT ON TABLE {table} IS {}", to_comment(content)))
        self._content = content
        return self

    def open(self, where: str) -> Self:
        """The table that is there."""
        self._name(where)
        with self._transaction() as cursor:
            found = self._find(cursor)
        if found is None:
            raise CodesError(f"{where} has no table {self.table}; build it with 'chash index build'")
        comment, kind = found
        try:
            self._content = from_comment(comment)
            if kind != f"bit({self._content.bits})":
                raise ValueError(f"its column 'code' is {kind or 'not there'}, not bit({self._content.bits})")
        except ValueError as error:
            raise CodesError(
                f"the table {self.table} of {where} is not an index of this program: {error}; choose another name "
                "after '#'"
            ) from error
        self.restore(self._content)
        return self

    def add(self, ids: Sequence[str], packed: Packed) -> None:
        """One transaction; a second writer waits for it."""
        bits = self.content.bits
        check_codes(ids, packed, bits)
        check_ids(ids, ID_BYTES, "PostgreSQL")
        if not len(ids):
            return
        numbers = numbers_of(np.asarray(ids, np.str_))
        with self._transaction() as cursor:
            cursor.execute(self._sql("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
            self._delete(cursor, ids)
            with cursor.copy(self._sql("COPY {table} (item, number, code) FROM STDIN")) as copy:
                for start in range(0, len(ids), BLOCK):
                    block = slice(start, start + BLOCK)
                    for row in zip(ids[block], numbers[block].tolist(), to_text(packed[block], bits), strict=True):
                        copy.write_row(row)
            if not self.exact:
                self._build(cursor)

    def remove(self, ids: Sequence[str]) -> int:
        """One transaction."""
        with self._transaction() as cursor:
            cursor.execute(self._sql("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
            return self._delete(cursor, ids)

    def codes_of(self, item: str) -> Packed:
        """By the primary key."""
        with self._transaction() as cursor:
            asked = [item] if is_text(item) else []
            cursor.execute(self._sql("SELECT code FROM {table} WHERE item = ANY(%s) ORDER BY number"), [asked])
            return to_packed([code for (code,) in cursor], self.content.bits)

    def search(self, queries: Packed, k: int) -> list[Hits]:
        """By the graph if there is one and it finds k; otherwise by a scan of the table."""
        asked = to_text(queries, self.content.bits)
        if self.exact or k > EF_SEARCH:
            return self._scan("", asked, (), k)
        with self._transaction() as cursor:
            cursor.execute("SELECT set_config('hnsw.ef_search', %s, true)", [str(max(self.ef_search, k))])
            # The graph knows no second order; it is the outer query's.
            found = self._ask(
                cursor,
                "SELECT item, number, distance, code FROM (SELECT *, code <~> {query} AS distance FROM {table} "
                "ORDER BY code <~> {query} LIMIT %s) AS found ORDER BY distance, position",
                [(query, query, k) for query in asked],
            )
        # Removed codes take places in the graph until the database is vacuumed.
        few = [i for i, hits in enumerate(found) if len(hits.ids) < k]
        for i, hits in zip(few, self._scan("", [asked[i] for i in few], (), k), strict=True):
            found[i] = hits
        return found

    def within(self, queries: Packed, radius: int) -> list[Hits]:
        """By a scan of the table, whatever the index."""
        return self._scan("WHERE code <~> {query} <= %s", to_text(queries, self.content.bits), (radius,), None)

    def __len__(self) -> int:
        with self._transaction() as cursor:
            row = cursor.execute(self._sql("SELECT count(*) FROM {table}")).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """End the connection."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _name(self, where: str) -> None:
        self.where, self.table = split_address(where)
        if len(self.table.encode()) > NAME_BYTES or "\0" in self.table:
            raise CodesError(f"the name of a table has at most {NAME_BYTES} bytes, not {self.table!r}; shorten it")

    def _scan(self, condition: str, asked: Sequence[str], values: tuple[Any, ...], k: int | None) -> list[Hits]:
        with self._transaction() as cursor:
            # An index, ours or that of the owner of the database, would make the answer inexact.
            cursor.execute("SELECT set_config('enable_indexscan', 'off', true)")
            return self._ask(
                cursor,
                "SELECT item, number, code <~> {query} AS distance, code FROM {table} "
                f"{condition} ORDER BY distance, position LIMIT %s",
                [(query, *([query, *values] if values else ()), k) for query in asked],
            )

    def _ask(self, cursor: Cursor[Any], statement: str, values: Sequence[Sequence[Any]]) -> list[Hits]:
        """The hits of one statement with each of several values; one way to the server and back for all of them."""
        if not values:
            return []
        cursor.executemany(self._sql(statement), values, returning=True)
        found = [self._hits(cursor.fetchall())]
        while cursor.nextset():
            found.append(self._hits(cursor.fetchall()))
        return found

    def _hits(self, rows: Sequence[tuple[str, int, float, str]]) -> Hits:
        return Hits(
            np.array([row[0] for row in rows], np.str_),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.int64),
            to_packed([row[3] for row in rows], self.content.bits),
        )

    def _delete(self, cursor: Cursor[Any], ids: Sequence[str]) -> int:
        wanted, gone = [item for item in dict.fromkeys(ids) if is_text(item)], 0
        for start in range(0, len(wanted), BLOCK):
            block = wanted[start : start + BLOCK]
            gone += cursor.execute(self._sql("DELETE FROM {table} WHERE item = ANY(%s)"), [block]).rowcount
        return gone

    def _build(self, cursor: Cursor[Any]) -> None:
        """The graph, after the first codes: in one go it takes a fraction of the time that single additions do."""
        found = cursor.execute(
            "SELECT FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam "
            "WHERE indrelid = to_regclass(%s) AND amname = 'hnsw'",
            [self._quoted(cursor)],
        )
        if found.fetchone() is None:
            statement = "CREATE INDEX ON {table} USING hnsw (code bit_hamming_ops) WITH (m = {}, ef_construction = {})"
            cursor.execute(self._sql(statement, self.m, self.ef_construction))

    def _find(self, cursor: Cursor[Any]) -> tuple[str, str] | None:
        """The comment of the table and the type of its codes; None if there is no such table."""
        cursor.execute(
            "SELECT obj_description(pg_class.oid, 'pg_class'), format_type(atttypid, atttypmod) FROM pg_class "
            "LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'code' "
            "WHERE pg_class.oid = to_regclass(%s)",
            [self._quoted(cursor)],
        )
        found: tuple[str, str] | None = cursor.fetchone()
        return found

    def _extend(self, cursor: Cursor[Any]) -> None:
        from psycopg import Error

        wanted = f"{self.where} needs the extension vector, 0.7 or later"
        try:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except Error as error:
            raise CodesError(
                f"{wanted}, and it cannot be created ({said(error)}); install pgvector on the server, and let its "
                "administrator run CREATE EXTENSION vector in this database"
            ) from error
        row = cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
        if row and [int(part) for part in row[0].split(".")[:2]] < [0, 7]:
            raise CodesError(f"{wanted}, not {row[0]}; let its administrator run ALTER EXTENSION vector UPDATE")

    def _quoted(self, cursor: Cursor[Any]) -> str:
        from psycopg.sql import Identifier

        return Identifier(self.table).as_string(cursor)

    def _sql(self, statement: str, *literals: object) -> Composed:
        from psycopg.sql import SQL, Identifier, Literal

        text: Any = statement  # psycopg's type allows literals alone, against statements made of what users say
        query = SQL("%s::bit({})").format(Literal(self._content.bits)) if "{query}" in statement else SQL("")
        # Where values are filled in, psycopg takes every % for the place of one.
        table = self.table.replace("%", "%%") if "%s" in statement else self.table
        return SQL(text).format(*map(Literal, literals), table=Identifier(table), query=query)

    @contextmanager
    def _transaction(self) -> Iterator[Cursor[Any]]:
        """What is done in the block is done when it ends, or not at all."""
        connection = self._connection()
        from psycopg import Error

        try:
            with connection.transaction(), connection.cursor() as cursor:
                yield cursor
        except Error as error:
            if not connection.closed:
                raise CodesError(
                    f"{self.where} refuses what was asked of the table {self.table} ({said(error)}); nothing was "
                    "changed, so see to that and run the same command again"
                ) from error
            raise CodesError(
                f"the connection to {self.where} was lost ({said(error)}); what was being changed is there entirely "
                "or not at all, so run the same command again"
            ) from error

    def _connection(self) -> Connection[Any]:
        """The connection, made anew if it was lost."""
        if self._opened is not None and not self._opened.closed:
            return self._opened
        try:
            import psycopg
            from psycopg.conninfo import conninfo_to_dict
        except ImportError as error:
            raise CodesError(
                "the engine pgvector needs psycopg; install it: pip install 'crossmodal-hash[pgvector]'"
            ) from error
        # It would print what it ignores while a connection ends, of which the reason is raised.
        logging.getLogger("psycopg").setLevel(logging.CRITICAL)
        ours: dict[str, Any] = {} if "PGCONNECT_TIMEOUT" in os.environ else {"connect_timeout": 10}
        try:
            options = {**ours, "application_name": "chash", **conninfo_to_dict(self.where), "client_encoding": "UTF8"}
            self._opened = psycopg.connect(**options, autocommit=True)
        except Exception as error:
            raise CodesError(
                f"cannot connect to {self.where} ({said(error)}); check the address, that it runs, and PGPASSWORD or "
                "~/.pgpass"
            ) from error
        return self._opened


def to_text(packed: Packed, bits: int) -> list[str]:
    """Packed codes as PostgreSQL writes bit strings: bit 0 first, without padding.

    Args:
        packed: uint8 (n, ceil(K / 8)).
        bits: K, >= 1.

    Returns:
        n texts of K digits.

    Raises:
        CodesError: if `packed` is not a packed matrix of `bits` bits.

    Example:
        >>> to_text(np.array([[0b00001101, 1]], dtype=np.uint8), 9)
        ['101100001']
    """
    check_packed(packed, bits)
    digits: NDArray[np.uint8] = np.unpackbits(packed, axis=1, count=bits, bitorder="little") + np.uint8(ord("0"))
    return [row.tobytes().decode("ascii") for row in digits]


def to_packed(texts: Sequence[str], bits: int) -> Packed:
    """The inverse of `to_text`.

    Args:
        texts: n bit strings of K digits.
        bits: K, >= 1.

    Returns:
        uint8 (n, ceil(K / 8)), padding zero.

    Example:
        >>> to_packed(["101100001"], 9)
        array([[13,  1]], dtype=uint8)
    """
    digits = np.frombuffer("".join(texts).encode("ascii"), np.uint8).reshape(-1, bits)
    return np.packbits(digits == ord("1"), axis=1, bitorder="little")
