"""The database goes away under IMAP sessions and comes back: NO [UNAVAILABLE] meanwhile, and the sessions go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.store.migrate import migrate
from tests.faults.conftest import Launch
from tests.faults.peer import Peer
from tests.faults.servers import Moody
from tests.faults.test_database_gone import BACK_SECONDS, POSTGRESQL, SQLITE
from tests.faults.test_slow_peers import wait_until

READING = (b"STATUS Drafts (MESSAGES)", b'LIST "" "*"', b"UID FETCH 1:* (BODY.PEEK[])", b"UID SEARCH TEXT hello", b"NOOP")
WRITING = (b"UID STORE 1 +FLAGS (\\Flagged)", b"UID COPY 1 Archive", b"CREATE Fresh", b"APPEND Drafts {3+}\r\nx\r\n", b"EXPUNGE")
UNAVAILABLE = "t NO [UNAVAILABLE]"


@pytest.fixture
def moody() -> Iterator[Moody]:
    """A PostgreSQL server to stop and start."""
    moody = Moody()
    yield moody
    moody.close()


def session(port: int) -> Peer:
    """A login with a message in the selected INBOX."""
    peer = Peer(port, timeout=30)
    peer.login_imap("bob")
    if not any("MESSAGES 1" in line for line in peer.say(b"STATUS INBOX (MESSAGES)")):
        assert peer.say(b"APPEND INBOX {21+}\r\nSubject: x\r\n\r\nhello\r\n")[-1].startswith("t OK")
    assert peer.say(b"SELECT INBOX")[-1].startswith("t OK")
    return peer


@POSTGRESQL
def test_sessions_outlive_a_PostgreSQL_that_crashes(launch: Launch, moody: Moody, database_url: str) -> None:
    name = moody.postgresql.create()
    migrate(moody.postgresql.url(name))
    server = launch({"database": {"url": moody.postgresql.url(name)}})
    workers = server.workers()
    with session(server.ports["IMAP4"]) as peer, session(server.ports["IMAP4"]) as idler:
        idler.send(b"i IDLE\r\n")
        assert idler.line().startswith("+")
        moody.stop()
        for command in (*WRITING[:4], b'LIST "" "*"', b"STATUS Drafts (MESSAGES)", b"SELECT Drafts", b"SELECT INBOX"):
            assert peer.say(command)[-1].startswith(UNAVAILABLE), command
        with Peer(server.ports["IMAP4"], timeout=30) as stranger:
            assert stranger.say(b"LOGIN bob secret")[-1].startswith(UNAVAILABLE)
        moody.start()
        assert wait_until(lambda: peer.say(b"SELECT INBOX")[-1].startswith("t OK"), BACK_SECONDS)
        for command in READING + WRITING:
            assert peer.say(command)[-1].startswith("t OK"), command
        while "\\Flagged" not in idler.line():
            pass
    assert server.workers() == workers
    assert "Traceback" not in server.log, server.log[-4000:]


@SQLITE
def test_sessions_outlive_a_SQLite_file_that_somebody_else_locks(launch: Launch, database_url: str) -> None:
    """Reading goes on; what would write is refused, and nothing of it is done."""
    server = launch()
    with session(server.ports["IMAP4"]) as peer:
        other = sqlite3.connect(Path(database_url.removeprefix("sqlite:///")), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for command in READING:
            assert peer.say(command)[-1].startswith("t OK"), command
        assert peer.say(WRITING[0])[-1].startswith(UNAVAILABLE)
        other.execute("ROLLBACK")
        other.close()
        assert "\\Flagged" not in peer.say(b"UID FETCH 1 (FLAGS)")[0]
        for command in WRITING:
            assert peer.say(command)[-1].startswith("t OK"), command
    assert "Traceback" not in server.log, server.log[-4000:]
