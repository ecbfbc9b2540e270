"""What the rest of Postroom sees of a database: read, write with group commit, and three ways to fail."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

T = TypeVar("T")
Row = tuple[Any, ...]

TURN_SECONDS = 30.0  # a write waits no longer for its turn
ANSWER_SECONDS = 10.0  # a database server that does not answer is given up after this
BATCH = 200  # writes under one commit at most: bounds what a failing commit takes with it


class StoreUnavailable(Exception):
    """The database did not answer (gone, locked, disk full): always temporary; the text says what happened."""


class Conflict(Exception):
    """A unique key is taken, or a row that must exist is missing."""


class Tx(abc.ABC):
    """What a function given to ``read`` or ``write`` works with. Placeholders are ``?`` on both engines.

    Raises Conflict for violated keys and StoreUnavailable when the database fails; any other error is a bug in the SQL.
    """

    dialect: str  # "sqlite" or "postgresql"

    @abc.abstractmethod
    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; its rows, [] when there are none."""

    @abc.abstractmethod
    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """Run one statement; its first row or None."""

    @abc.abstractmethod
    def do(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement whose rows nobody wants. It may reach the server later (in order, before the commit), which saves waiting."""

    @abc.abstractmethod
    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of ``rows``."""

    @abc.abstractmethod
    def run(self, query: Any) -> list[dict[str, Any]]:
        """Run a peewee query (cold paths: building one costs tens of microseconds); rows as dictionaries by column name."""


class Database(abc.ABC):
    """One database. Nothing is opened before the first use, so that a process may fork before it."""

    dialect: str

    @abc.abstractmethod
    def read(self, fn: Callable[[Tx], T]) -> T:
        """Run ``fn`` here and now. For short queries by key only: on SQLite no other greenlet runs meanwhile.

        Two statements of one ``fn`` may see different commits.
        """

    @abc.abstractmethod
    def read_slow(self, fn: Callable[[Tx], T]) -> T:
        """Run ``fn`` where it holds up nobody: for whatever scans, searches or returns much."""

    @abc.abstractmethod
    def write(self, fn: Callable[[Tx], T], *, keys: Sequence[int] = (), locks: Sequence[int] = ()) -> T:
        """Run ``fn`` inside a transaction and return its result after the commit.

        An exception of ``fn`` undoes what ``fn`` did, nothing else, and is raised here; ``fn`` must not swallow what its Tx raises.
        ``fn`` runs on another thread, and again when somebody beside it failed or a lock was lost, so it must do nothing but talk to
        its Tx. Raises StoreUnavailable when it is not committed (or, if the connection broke during the commit, may not be), and after
        30 s without a turn.

        ``keys``: the ids of the accounts into whose mailboxes ``fn`` delivers, so that all processes lock them in one order. On
        PostgreSQL the statements of such functions may alternate with each other's: each statement must be right by itself.

        ``locks``: the ids of the accounts whose mailboxes ``fn`` changes in other ways; its statements stay together. Without them all is
        right too, but two processes that change the same mailboxes may block each other, and that costs both a second.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Finish the writes that wait, then close every connection."""


def connect(url: str, *, pool: int = 20, base: Path = Path()) -> Database:
    """The database behind ``url`` (``sqlite:///path`` or ``postgresql://…``), not opened yet.

    ``pool``: connections for reading at most (PostgreSQL); ``base``: what a relative SQLite path is relative to.
    Raises ValueError for other schemes.
    """
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme == "sqlite":
        from .sqlite import SqliteDatabase

        return SqliteDatabase(sqlite_path(url, base))
    if scheme in ("postgresql", "postgres"):
        from .postgresql import PostgresqlDatabase

        return PostgresqlDatabase(url, pool=pool)
    raise ValueError(f"database url {scheme!r} is not known: use sqlite:///path or postgresql://user:password@host:5432/name")


def sqlite_path(url: str, base: Path) -> Path:
    """The file that a ``sqlite:///…`` URL names; four slashes make it absolute."""
    parts = urlsplit(url)
    path = unquote(parts.path)[1:] if parts.path.startswith("/") else unquote(parts.path)
    if not path or parts.netloc or path == ":memory:":
        raise ValueError(f"database url {url!r} names no file: sqlite:///relative/path or sqlite:////absolute/path")
    return base / path
