"""Brings the schema of a database to this release, or says how they differ."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peewee
from playhouse.migrations import Runner

from .database import StoreUnavailable, sqlite_path

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_KEY = 0x706F73746D6967  # "postmig": the advisory lock of those who migrate


class SchemaNewer(Exception):
    """A newer release has changed this database: running an older one on it could lose mail."""


@dataclass(frozen=True, slots=True)
class Status:
    """Names of migrations."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]  # applied by a newer release

    def refuse_newer(self) -> None:
        """Raises SchemaNewer when the database knows migrations that this release does not."""
        if self.unknown:
            raise SchemaNewer(
                f"the database was changed by a newer Postroom (migration {self.unknown[-1]}, this release knows up to "
                f"{(self.applied + self.pending)[-1]}): install that release again, or restore a backup made before the change"
            )


def status(url: str, *, base: Path = Path()) -> Status:
    """What is applied and what is not; a missing SQLite file is an empty database. Raises StoreUnavailable when it does not answer."""
    with _opened(url, base) as database:
        return _status(Runner(database, str(MIGRATIONS)))


def migrate(url: str, *, base: Path = Path()) -> list[str]:
    """Apply what is pending, alone of all processes, and return the names. Raises SchemaNewer and StoreUnavailable."""
    with _opened(url, base) as database, _alone(database):
        runner = Runner(database, str(MIGRATIONS))
        found = _status(runner)
        found.refuse_newer()
        if not found.pending:
            return []
        applied: list[str] = runner.up()
        return applied


def _status(runner: Any) -> Status:
    rows = runner.status()
    return Status(
        tuple(row.name for row in rows if row.applied and row.path),
        tuple(row.name for row in rows if not row.applied),
        tuple(row.name for row in rows if not row.path),
    )


@contextmanager
def _opened(url: str, base: Path) -> Iterator[Any]:
    try:
        database = _database(url, base)
        with closing(database):
            database.connect()
            yield database
    except (peewee.DatabaseError, peewee.InterfaceError, OSError) as error:
        raise StoreUnavailable(f"database {_where(url)}: {str(error).strip()}") from error


def _database(url: str, base: Path) -> Any:
    if url.startswith("sqlite"):
        path = sqlite_path(url, base)
        path.parent.mkdir(parents=True, exist_ok=True)
        return peewee.SqliteDatabase(str(path), pragmas={"journal_mode": "wal"}, timeout=30)
    from .pgconnection import settings

    options = settings(url)
    return peewee.PostgresqlDatabase(options.pop("dbname", ""), **options, prefer_psycopg3=True)


def _where(url: str) -> str:
    """The URL without its password."""
    head, at, tail = url.rpartition("@")
    scheme, slashes, user = head.partition("://")
    return f"{scheme}{slashes}{user.partition(':')[0]}{at}{tail}" if at else url


@contextmanager
def _alone(database: Any) -> Iterator[None]:
    if isinstance(database, peewee.SqliteDatabase):
        with open(f"{database.database}.lock", "a", encoding="ascii") as file:  # the writers' turn file: they wait meanwhile
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    database.execute_sql("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
    try:
        yield
    finally:
        database.execute_sql("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))
