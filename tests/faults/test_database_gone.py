"""The database goes away and comes back: temporary refusals meanwhile, nothing lost, and no restart of ours."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from postroom.store.migrate import migrate
from tests.faults.conftest import Launch, load_of
from tests.faults.lengths import rounds
from tests.faults.load import Load
from tests.faults.peer import Peer
from tests.faults.servers import Moody
from tests.faults.test_disk_full import wait_for_refusals
from tests.server import Server

MESSAGES = 40
CRASHES, CUTS = rounds(1, 15), rounds(4, 100)
BACK_SECONDS = 20.0  # from the return of the database to the next acknowledged message

POSTGRESQL = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def moody() -> Iterator[Moody]:
    """A PostgreSQL server to stop and start."""
    moody = Moody()
    yield moody
    moody.close()


def judge(load: Load, server: Server, workers: list[int], outages: int = 0) -> None:
    """What is asserted after ``outages`` in which the answer to a commit may have been lost: each client has one message under way."""
    assert load.temporary(), load.replies
    copies = load.check(server.inbox("bob"), in_doubt=outages * load.clients)
    assert max(copies.values()) == 1
    assert server.workers() == workers, server.log[-2000:]
    assert "Traceback" not in server.log, server.log[server.log.index("Traceback") - 500 :][:4000]


@POSTGRESQL
def test_a_PostgreSQL_that_crashes_under_load_is_waited_for(launch: Launch, moody: Moody, database_url: str) -> None:
    name = moody.postgresql.create()
    migrate(moody.postgresql.url(name))
    server = launch({"server": {"workers": 2}, "database": {"url": moody.postgresql.url(name)}})
    workers = server.workers()
    with load_of(server) as load:
        for _ in range(CRASHES):
            load.run(MESSAGES)
            moody.stop()
            wait_for_refusals(load, 10)
            with Peer(server.ports["POP3"]) as peer:
                assert peer.login_pop3("bob").startswith("-ERR [SYS/TEMP]")
            moody.start()
            load.run(MESSAGES, seconds=BACK_SECONDS)
    judge(load, server, workers, CRASHES)


@POSTGRESQL
def test_connections_that_are_cut_under_load_are_replaced(launch: Launch, database_url: str) -> None:
    server = launch({"server": {"workers": 2}})
    workers = server.workers()
    with load_of(server) as load, psycopg.connect(database_url, autocommit=True) as axe:
        for _ in range(CUTS):
            load.run(MESSAGES // 2)
            axe.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        load.run(MESSAGES, seconds=BACK_SECONDS)
    judge(load, server, workers, CUTS)


@SQLITE
def test_a_SQLite_file_that_somebody_else_locks_is_waited_for(launch: Launch, database_url: str) -> None:
    """Somebody's backup script holds the write lock longer than a write waits; reading goes on."""
    server = launch()
    workers = server.workers()
    path = Path(database_url.removeprefix("sqlite:///"))
    with load_of(server) as load:
        load.run(MESSAGES)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for _ in range(rounds(1, 4)):
            wait_for_refusals(load, 1)
            with Peer(server.ports["POP3"]) as peer:
                assert peer.login_pop3("bob").startswith("+OK")
                assert peer.ask(b"RETR 1").startswith("+OK")
        other.execute("ROLLBACK")
        other.close()
        began = time.monotonic()
        load.run(MESSAGES, seconds=BACK_SECONDS)
        print(f"back after {time.monotonic() - began:.1f} s")
    judge(load, server, workers)


@SQLITE
def test_a_SQLite_file_that_is_locked_for_a_moment_is_only_slower(launch: Launch, database_url: str) -> None:
    server = launch({"server": {"workers": 2}})
    workers = server.workers()
    other = sqlite3.connect(Path(database_url.removeprefix("sqlite:///")), isolation_level=None, timeout=20)
    with load_of(server) as load:
        for _ in range(rounds(4, 40)):
            load.run(5)
            other.execute("BEGIN IMMEDIATE")
            time.sleep(0.3)
            other.execute("ROLLBACK")
        load.run(MESSAGES)
    other.close()
    assert not load.refused, load.replies
    judge(load, server, workers)
