"""The disk is full for a while: temporary refusals meanwhile, nothing lost, and nobody has to do anything afterwards."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.databases import Postgresql
from tests.faults.conftest import Launch, load_of
from tests.faults.disks import FileLimit, SmallDisk, small_disk
from tests.faults.lengths import rounds
from tests.faults.load import Load
from tests.faults.peer import Peer

MESSAGES = 40  # acknowledged between two changes
REFUSALS = 25  # seen before there is space again


@dataclass
class Place:
    """Where the database is, and the disk under it."""

    disk: SmallDisk | FileLimit
    url: str


@pytest.fixture
def place(engine: str, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A database on a small disk. On PostgreSQL its tables are there; the server's log of changes is elsewhere, as on any sane server."""
    street = Path(tempfile.mkdtemp(prefix="postroom-disk-"))
    street.chmod(0o755)  # PostgreSQL has a user of its own
    disk = small_disk(street / "disk", "48m")
    try:
        if engine == "sqlite":
            shutil.copy(request.getfixturevalue("migrated_sqlite"), disk.folder / "postroom.db")
            yield Place(disk, f"sqlite:///{disk.folder / 'postroom.db'}")
        else:
            yield from on_postgresql(disk, request)
    finally:
        disk.close()
        shutil.rmtree(street)


def on_postgresql(disk: SmallDisk | FileLimit, request: pytest.FixtureRequest) -> Iterator[Place]:
    if not isinstance(disk, SmallDisk):
        pytest.skip("only root may give PostgreSQL a small disk")
    server: Postgresql = request.getfixturevalue("postgresql")
    template = request.getfixturevalue("migrated_postgresql")
    tables = disk.folder / "tables"
    tables.mkdir()
    shutil.chown(tables, server.directory.owner(), server.directory.group())
    name = f"full_{template}"
    server.execute(f"CREATE TABLESPACE {name} LOCATION '{tables}'")
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template} TABLESPACE {name}")
    try:
        yield Place(disk, server.url(name))
    finally:
        server.drop(name)
        server.execute(f"DROP TABLESPACE {name}")


def wait_for_refusals(load: Load, number: int, seconds: float = 40.0) -> None:
    wanted, deadline = sum(load.replies.values()) + number, time.monotonic() + seconds
    while sum(load.replies.values()) < wanted:
        assert time.monotonic() < deadline, f"no refusals: {load.replies} {load.cut}"
        time.sleep(0.01)


def test_a_full_disk_refuses_for_now_and_loses_nothing(launch: Launch, place: Place) -> None:
    disk = place.disk
    server = launch({"server": {"data_dir": str(disk.folder / "data"), "workers": 2}, "database": {"url": place.url}})
    workers = server.workers()
    if isinstance(disk, FileLimit):
        disk.processes = workers
    with load_of(server) as load:
        for _ in range(rounds(2, 15)):
            load.run(MESSAGES)
            disk.fill()
            wait_for_refusals(load, REFUSALS)
            with Peer(server.ports["POP3"]) as peer:  # mail that is there can be read all the time
                assert peer.login_pop3("bob").startswith("+OK")
                assert peer.ask(b"RETR 1").startswith("+OK")
                assert peer.text().endswith(b"end\r\n")
            disk.free()
        load.run(MESSAGES)
    assert load.temporary(), load.replies
    assert any(answer.startswith("451") for answer in load.replies), load.replies
    copies = load.check(server.inbox("bob"))
    assert max(copies.values()) == 1
    assert server.workers() == workers, [line for line in server.log.splitlines() if "smtp." not in line]
    assert "Traceback" not in server.log, server.log[-4000:]


def test_on_a_full_disk_POP3_deletes_all_or_nothing_and_says_which(launch: Launch, place: Place) -> None:
    disk = place.disk
    server = launch({"server": {"data_dir": str(disk.folder / "data")}, "database": {"url": place.url}})
    if isinstance(disk, FileLimit):
        disk.processes = server.workers()
    with load_of(server) as load:
        load.run(MESSAGES)
    before = len(server.inbox("bob"))
    with Peer(server.ports["POP3"]) as peer:
        peer.login_pop3("bob")
        for number in range(1, before + 1):
            peer.ask(b"DELE %d" % number)
        disk.fill()
        answer = peer.ask(b"QUIT")
    left = len(server.inbox("bob"))
    print(answer)
    assert left == (0 if answer.startswith("+OK") else before)
    assert answer.startswith(("+OK", "-ERR [SYS/TEMP]"))
    disk.free()
    with Peer(server.ports["POP3"]) as peer:
        peer.login_pop3("bob")
        for number in range(1, left + 1):
            peer.ask(b"DELE %d" % number)
        assert peer.ask(b"QUIT").startswith("+OK")
    assert server.inbox("bob") == []
