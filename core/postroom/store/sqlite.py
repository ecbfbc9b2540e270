"""SQLite: WAL, one writer thread a process with group commit, a turn file between processes, reading on the spot."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import peewee
from gevent._hub_local import get_hub_if_exists
from gevent.monkey import get_original
from gevent.threadpool import ThreadPool

from .database import ANSWER_SECONDS, Conflict, Database, Row, StoreUnavailable, Tx
from .handover import Ticket, elsewhere
from .writer import GroupWriter, fail, perform

T = TypeVar("T")
SLOW_READERS = 4  # threads for read_slow in each hub
BUGS = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_MISUSE)  # wrong SQL: not the database's fault

# 2 MB for each connection: 16 MB made 200,000 deliveries no faster (the system keeps the pages too), and one large message fills it
CACHE = "PRAGMA cache_size = -2000"
# Readers take pages from the system's memory instead of copying them: halves a search and a third of FETCH. Such pages are given back
# under pressure. The price: a disk that cannot be read ends the worker instead of a command; the supervisor starts another.
MAPPED = f"PRAGMA mmap_size = {1 << 30}"
READER = ("PRAGMA query_only = 1", CACHE, MAPPED)
WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    CACHE,
    "PRAGMA wal_autocheckpoint = 1000",  # more at a time gains nothing and makes one batch wait longer: 14 ms at most, against 30 with 4000
    "PRAGMA journal_size_limit = 67108864",  # what a burst behind a long reader has grown is given back
)


class SqliteTx(Tx):
    """A connection of ``sqlite3`` in autocommit mode; transactions are the engine's business."""

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.failed: StoreUnavailable | None = None
        self._cursor = connection.cursor()
        self._builder: Any = peewee.SqliteDatabase(None)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; its rows."""
        try:
            return self._cursor.execute(sql, params).fetchall()
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """Run one statement; its first row."""
        rows = self.execute(sql, params)
        return rows[0] if rows else None

    def do(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement at once; waiting would save nothing here."""
        try:
            self._cursor.execute(sql, params)
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of ``rows``."""
        try:
            self._cursor.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def run(self, query: Any) -> list[dict[str, Any]]:
        """Run a peewee query."""
        sql, params = self._builder.get_sql_context().sql(query).query()
        rows = self.execute(sql, params)
        names = [column[0] for column in self._cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def check(self) -> None:
        """Raises what made the database fail, even when a function has swallowed it."""
        if self.failed is not None:
            raise self.failed

    def _translated(self, error: sqlite3.Error) -> Exception:
        if isinstance(error, sqlite3.IntegrityError):
            return Conflict(str(error))
        if isinstance(error, (sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)):
            return error
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in BUGS:
            return error
        self.failed = StoreUnavailable(f"SQLite: {error}")
        return self.failed


def opened(path: Path, pragmas: Sequence[str]) -> sqlite3.Connection:
    """A connection prepared for one thread; raises StoreUnavailable when the file cannot be used."""
    try:
        connection = sqlite3.connect(path, timeout=ANSWER_SECONDS, isolation_level=None, cached_statements=256, check_same_thread=False)
        for pragma in pragmas:
            connection.execute(pragma).fetchall()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"SQLite: {error}: {path}") from error
    return connection


class Turn:
    """The lock file beside the database: processes wait for it in the kernel, where SQLite would poll with growing sleeps."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file = -1

    def __enter__(self) -> None:
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *exc: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file, which also frees the lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class SqliteEngine:
    """The writer thread's connection; it opens itself again after a failure."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = Turn(path)
        self._tx: SqliteTx | None = None

    def commit(self, batch: list[Ticket]) -> None:
        """One transaction; when the database fails, nobody's write has happened."""
        try:
            with self._turn:
                self._transaction(self._ready(), batch)
        except Exception as error:
            fail(batch, error if isinstance(error, StoreUnavailable) else StoreUnavailable(f"SQLite: {error}"))
            self.close()  # the next batch starts with a new connection: nothing of a failed one is carried on

    def _ready(self) -> SqliteTx:
        if self._tx is None:
            self._tx = SqliteTx(opened(self._path, WRITER))
        return self._tx

    @staticmethod
    def _transaction(tx: SqliteTx, batch: list[Ticket]) -> None:
        """First without savepoints (they cost a third of the time); when a function fails, all again, each in its savepoint."""
        tx.do("BEGIN IMMEDIATE")
        if not all(perform(ticket, tx) for ticket in batch):
            tx.check()
            tx.do("ROLLBACK")
            tx.do("BEGIN IMMEDIATE")
            for ticket in batch:
                tx.do("SAVEPOINT one")
                done = perform(ticket, tx)
                tx.check()
                if not done:
                    tx.do("ROLLBACK TO one")
                tx.do("RELEASE one")
        tx.check()
        tx.do("COMMIT")

    def after(self, idle: bool) -> None:
        """When nothing is going on, copy what the log holds into the file, so that the next burst need not."""
        if idle and self._tx is not None:
            try:
                self._tx.execute("PRAGMA wal_checkpoint(PASSIVE)")
            except StoreUnavailable:
                self.close()

    def close(self) -> None:
        """Close the connection (which rolls back an open transaction) and the turn file."""
        if self._tx is not None:
            self._tx.connection.close()
            self._tx = None
        self._turn.close()


class SqliteDatabase(Database):
    """A database file and the threads and connections of this process around it."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = GroupWriter(SqliteEngine(path))
        self._local: Any = get_original("_thread", "_local")()  # by native thread: greenlets of one hub share a connection
        self._readers: list[sqlite3.Connection] = []
        self._pools: list[ThreadPool] = []

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Runs on the calling thread and does not yield."""
        return fn(self._reader())

    def read_slow(self, fn: Callable[[Tx], T]) -> T:
        """Runs on a thread of the hub's pool; without a hub on the calling thread."""
        hub = get_hub_if_exists()
        if hub is None:
            return self.read(fn)
        pool = getattr(self._local, "pool", None)
        if pool is None:
            pool = self._local.pool = ThreadPool(SLOW_READERS, hub=hub)
            self._pools.append(pool)
        result: T = elsewhere(pool, self.read, fn)
        return result

    def write(self, fn: Callable[[Tx], T], *, keys: Sequence[int] = (), locks: Sequence[int] = ()) -> T:
        """Group commit on the writer thread; ``keys`` and ``locks`` mean nothing here, where only one writes at a time."""
        return self._writer.write(fn, keys)

    def close(self) -> None:
        """Finish waiting writes and close all connections."""
        self._writer.close()
        for pool in self._pools:
            pool.kill()
        self._pools.clear()
        for connection in self._readers:
            connection.close()
        self._readers.clear()

    def _reader(self) -> SqliteTx:
        tx: SqliteTx | None = getattr(self._local, "tx", None)
        if tx is not None and tx.failed is not None:  # nothing of a connection that failed is carried on
            self._readers.remove(tx.connection)
            tx.connection.close()
            tx = self._local.tx = None
        if tx is None:
            tx = self._local.tx = SqliteTx(opened(self.path, READER))
            self._readers.append(tx.connection)
        return tx
