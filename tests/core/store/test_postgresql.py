"""What only a database server can do: go away, come back, and run out of connections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import gevent
import psycopg
import pytest

from postroom.store.database import Database, StoreUnavailable, Tx, connect
from postroom.store.pgconnection import settings
from tests.databases import Postgresql

PUT = "INSERT INTO state (name, value) VALUES (?, ?)"
NAMES = "SELECT name FROM state WHERE name LIKE 'x%' ORDER BY name"


def names(db: Database) -> list[str]:
    return [row[0] for row in db.read(lambda tx: tx.execute(NAMES))]


def put(db: Database, name: str, value: str = "") -> None:
    db.write(lambda tx: tx.do(PUT, (name, value)))


class Server:
    """A PostgreSQL that can be taken away: the way to its socket is ours."""

    def __init__(self, real: Postgresql, name: str, directory: Path) -> None:
        self.real, self.name = real, name
        self.socket = directory / ".s.PGSQL.5432"
        self.url = f"postgresql://postgres@/{name}?host={directory}"
        self.come()

    def come(self) -> None:
        self.socket.symlink_to(self.real.directory / ".s.PGSQL.5432")

    def kick(self) -> None:
        with psycopg.connect(self.real.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", (self.name,))  # and wait

    def leave(self) -> None:
        self.socket.unlink()
        self.kick()


@pytest.fixture
def server(postgresql: Postgresql, migrated_postgresql: str, tmp_path: Path) -> Iterator[Server]:
    name = postgresql.create(migrated_postgresql)
    yield Server(postgresql, name, tmp_path)
    postgresql.drop(name)


def test_a_connection_lost_while_idle_is_replaced_without_an_error(server: Server) -> None:
    db = connect(server.url)
    put(db, "x1")
    assert names(db) == ["x1"]
    server.kick()
    put(db, "x2")
    assert names(db) == ["x1", "x2"]
    db.close()


def test_a_server_that_goes_away_is_a_temporary_failure_and_it_goes_on_when_it_is_back(server: Server) -> None:
    db = connect(server.url)
    put(db, "x1")
    server.leave()
    start = time.monotonic()
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            put(db, "x2")
        with pytest.raises(StoreUnavailable):
            names(db)
    assert time.monotonic() - start < 5
    server.come()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            put(db, "x3")
            break
        except StoreUnavailable:
            gevent.sleep(0.05)
    gevent.sleep(0.3)
    assert names(db) == ["x1", "x3"]
    db.close()


def test_a_server_lost_in_the_middle_of_a_write_is_written_again_on_a_new_connection(server: Server) -> None:
    db = connect(server.url)
    put(db, "x1")
    kicked: list[int] = []

    def work(tx: Tx) -> None:
        tx.do(PUT, ("x2", ""))
        if not kicked:
            kicked.append(1)
            server.kick()
        tx.execute("SELECT 1")

    db.write(work)
    assert names(db) == ["x1", "x2"]
    db.close()


def test_a_killed_reader_gives_its_connection_back_unharmed(server: Server) -> None:
    db = connect(server.url, pool=1)
    slow = gevent.spawn(db.read_slow, lambda tx: tx.execute("SELECT pg_sleep(5)"))
    gevent.sleep(0.2)
    slow.kill()
    start = time.monotonic()
    assert names(db) == []
    assert time.monotonic() - start < 2
    db.close()


def test_more_readers_than_connections_wait_for_each_other(server: Server) -> None:
    db = connect(server.url, pool=2)
    jobs = [gevent.spawn(db.read, lambda tx: tx.one("SELECT pg_sleep(0.02)")) for _ in range(10)]
    gevent.joinall(jobs, raise_error=True)
    db.close()


def test_a_server_that_does_not_answer_is_given_up_in_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.store.pgconnection.Waiting.answer_seconds", 0.3)
    monkeypatch.setattr("postroom.store.postgresql.ANSWER_SECONDS", 0.3)
    db = connect(server.url)
    start = time.monotonic()
    with pytest.raises(StoreUnavailable, match="not answered"):
        db.write(lambda tx: tx.execute("SELECT pg_sleep(5)"))
    with pytest.raises(StoreUnavailable, match="not answered"):
        db.read(lambda tx: tx.execute("SELECT pg_sleep(5)"))
    assert time.monotonic() - start < 3
    put(db, "x")
    assert names(db) == ["x"]
    db.close()


def test_a_server_that_has_become_read_only_is_left_for_one_that_writes(server: Server) -> None:
    """A standby after a failover: a new connection finds the primary, the old one never would."""
    db = connect(server.url, pool=2)
    read_only(server, "on")
    with pytest.raises(StoreUnavailable, match="read-only"):
        put(db, "x1")
    read_only(server, "off")
    put(db, "x2")
    assert names(db) == ["x2"]
    db.close()


def read_only(server: Server, value: str) -> None:
    with psycopg.connect(server.real.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {server.name} SET default_transaction_read_only = {value}".encode())


def test_an_unusable_url_does_not_tell_its_password() -> None:
    with pytest.raises(ValueError, match="database url") as caught:
        settings("postgresql://u:sec ret@127.0.0.1/x")
    assert "sec" not in str(caught.value)
