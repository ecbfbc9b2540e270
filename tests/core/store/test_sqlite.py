"""What only SQLite can suffer: a full disk, a broken one, and other programs at the same file."""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from postroom.store import sqlite
from postroom.store.database import Database, StoreUnavailable, Tx, connect
from postroom.store.migrate import migrate

PUT = "INSERT INTO state (name, value) VALUES (?, ?)"
NAMES = "SELECT name FROM state WHERE name LIKE 'x%' ORDER BY name"


def names(db: Database) -> list[str]:
    return [row[0] for row in db.read(lambda tx: tx.execute(NAMES))]


def put(db: Database, name: str, value: str = "") -> None:
    db.write(lambda tx: tx.do(PUT, (name, value)))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite.SqliteDatabase]:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    migrate(url)
    database = connect(url)
    assert isinstance(database, sqlite.SqliteDatabase)
    yield database
    database.close()


def test_a_full_disk_fails_what_is_not_committed_and_the_writer_recovers(db: sqlite.SqliteDatabase) -> None:
    put(db, "x1")
    wal = db.path.with_name(db.path.name + "-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(wal, 100_000) + 10_000, hard))
    try:
        with pytest.raises(StoreUnavailable):
            put(db, "x2", "y" * 1_000_000)
        with pytest.raises(StoreUnavailable):
            put(db, "x3", "y" * 1_000_000)
        assert names(db) == ["x1"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    put(db, "x4", "y" * 1_000_000)
    assert names(db) == ["x1", "x4"]


def test_the_limit_of_the_database_is_a_full_disk_too(db: sqlite.SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "WRITER", (*sqlite.WRITER, "PRAGMA max_page_count = 60"))
    caught: list[StoreUnavailable] = []

    def fill(number: int) -> None:
        try:
            put(db, f"x{number:03}", "y" * 20_000)
        except StoreUnavailable as error:
            caught.append(error)

    gevent.joinall([gevent.spawn(fill, number) for number in range(30)], raise_error=True)
    gevent.joinall([gevent.spawn(fill, number) for number in range(30, 40)], raise_error=True)
    assert "full" in str(caught[0])
    assert len(names(db)) == 40 - len(caught)


def test_a_function_that_swallows_the_failure_is_not_told_success(db: sqlite.SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "WRITER", (*sqlite.WRITER, "PRAGMA max_page_count = 60"))

    def work(tx: Tx) -> None:
        with contextlib.suppress(StoreUnavailable):
            tx.do(PUT, ("x", "y" * 1_000_000))

    with pytest.raises(StoreUnavailable):
        db.write(work)
    put(db, "x2")
    assert names(db) == ["x2"]


def test_another_program_that_holds_the_lock_for_a_while_only_delays(db: sqlite.SqliteDatabase) -> None:
    other = sqlite3.connect(db.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, other.execute, ("ROLLBACK",))
    timer.start()
    put(db, "x")
    timer.join()
    other.close()
    assert names(db) == ["x"]


def test_reading_that_fails_again_and_again_leaves_no_files_open(db: sqlite.SqliteDatabase) -> None:
    """A disk that fails for hours: each attempt has a new connection."""

    def fail(tx: Tx) -> None:
        assert isinstance(tx, sqlite.SqliteTx)
        tx.failed = StoreUnavailable("broken")
        raise tx.failed

    def attempt() -> int:
        with pytest.raises(StoreUnavailable):
            db.read(fail)
        return len(os.listdir("/proc/self/fd"))

    attempt()
    before = attempt()
    assert [attempt() for _ in range(5)] == [before] * 5
    assert names(db) == []


def test_an_engine_that_breaks_fails_what_waits_and_serves_the_next(db: sqlite.SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(sqlite.SqliteEngine, "commit", broken)
        with pytest.raises(StoreUnavailable):
            put(db, "x1")
    put(db, "x2")
    assert names(db) == ["x2"]
