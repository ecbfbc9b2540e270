"""Stopping and reloading under load: in order, in bounded time, and nothing is lost, cut or sent twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from bench.sink import Sink
from tests.faults.arrivals import Arrivals, relaying, wait_for_relaying
from tests.faults.conftest import Launch, load_of
from tests.faults.lengths import rounds
from tests.faults.peer import Peer
from tests.server import Server

MESSAGES = 40
STOP_SECONDS = 8.0  # stop_timeout and some


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A next hop that counts."""
    sink = Sink(messages=Arrivals())
    yield sink
    sink.close()


def reload(server: Server) -> None:
    """SIGHUP, and wait until the new workers are there."""
    before = server.output.count("ready")
    server.signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while server.output.count("ready") == before:
        assert time.monotonic() < deadline, server.log[-2000:]
        time.sleep(0.01)


def test_SIGTERM_under_load_loses_nothing_and_sends_nothing_twice(launch: Launch, sink: Sink) -> None:
    server = launch(relaying(sink))
    with load_of(server, "bob@example.test", "zoe@elsewhere.example") as load:
        for _ in range(rounds(1, 20)):
            load.run(MESSAGES)
            began = time.monotonic()
            assert server.stop() == 0, server.log[-2000:]
            assert time.monotonic() - began < STOP_SECONDS
            server.start()
        load.run(MESSAGES)
    assert all(answer.startswith("421") for answer in load.replies), load.replies
    copies = load.check(server.inbox("bob"))
    assert max(copies.values()) == 1
    assert not load.unknown, "a connection was cut between the end of a message and its answer"
    wait_for_relaying(load, sink, set(copies))
    assert len(sink.messages) == len(copies)


def test_SIGHUP_under_load_cuts_nothing_and_sends_nothing_twice(launch: Launch, sink: Sink) -> None:
    """Sessions from before go on through several reloads."""
    server = launch({**relaying(sink), "server": {"workers": 2, "drain": "60s", "stop_timeout": "3s"}})
    with Peer(server.ports["SMTP"]) as old, Peer(server.ports["POP3"]) as reader:
        old.hello("carol@example.test")
        assert reader.login_pop3("bob").startswith("+OK")
        with load_of(server, "bob@example.test", "zoe@elsewhere.example") as load:
            load.run(MESSAGES)
            for _ in range(rounds(2, 30)):
                reload(server)
                load.run(MESSAGES // 2)
                assert reader.ask(b"NOOP").startswith("+OK")
        assert old.message(b"Subject: older than the workers\r\n\r\nx").startswith("250")
        assert reader.ask(b"QUIT").startswith("+OK")
    assert not load.replies and not load.cut, (load.replies, load.cut)
    copies = load.check(server.inbox("bob"))
    assert max(copies.values()) == 1
    wait_for_relaying(load, sink, set(copies))
    assert len(sink.messages) == len(copies)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the database has no part in it
def test_reloads_end_being_possible_before_the_service_does(launch: Launch) -> None:
    """Each reload leaves workers behind that wait for their last session; when there is no place for more, it is refused in words."""
    server = launch({"server": {"drain": "60s", "stop_timeout": "1s"}})
    sessions = []
    try:
        for _ in range(20):
            sessions.append(Peer(server.ports["SMTP"]))
            if "reload.refused" in server.log:
                break
            before = len(server.output), len(server.log)
            server.signal(signal.SIGHUP)
            while (len(server.output), len(server.log)) == before:
                time.sleep(0.01)
        assert "reload.refused" in server.log and "sessions" in server.log
        with Peer(server.ports["SMTP"]) as peer:
            peer.hello("bob@example.test")
            assert peer.message(b"Subject: still here\r\n\r\nx").startswith("250")
        for session in sessions:
            assert session.ask(b"NOOP").startswith("250")
    finally:
        for session in sessions:
            session.sock.close()
