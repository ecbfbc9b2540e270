"""A worker that is killed when the other server has said 250 and nothing is recorded yet: one duplicate (RFC 1047), and no loss."""

from __future__ import annotations

import os
import signal
import smtplib
import threading
from collections.abc import Iterator

import pytest

from tests.catcher import Catcher, Caught
from tests.faults.arrivals import WAYS, three_ways
from tests.faults.conftest import Launch
from tests.interop.programs import message, subject, wait_until
from tests.nameserver import NameServer
from tests.server import Server

TAKEN = "250 2.0.0 taken"


class Gate(list[Caught]):
    """What has come, before it is answered: the answers wait until the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()

    def append(self, caught: Caught) -> None:
        """Wait at the gate."""
        super().append(caught)
        assert self.open.wait(60), "nobody has opened the gate"


@pytest.fixture
def hops() -> Iterator[dict[str, Catcher]]:
    """A next hop for each way out, which answers messages when it is told to."""
    hops = {way: Catcher(messages=Gate()) for way in WAYS}
    yield hops
    for hop in hops.values():
        hop.close()


@pytest.fixture
def names() -> Iterator[NameServer]:
    """The DNS, for the way that asks it."""
    with NameServer({"elsewhere.example": {"MX": ["10 mx.elsewhere.example."]}, "mx.elsewhere.example": {"A": ["127.0.0.1"]}}) as server:
        yield server


def kill_between(server: Server, hops: dict[str, Catcher]) -> None:
    """The worker stands still while all hops say 250, and never moves again."""
    [worker] = server.workers()
    os.kill(worker, signal.SIGSTOP)
    for hop in hops.values():
        assert isinstance(hop.messages, Gate)
        hop.messages.open.set()
    wait_until(lambda: all(hop.replies[TAKEN] for hop in hops.values()))
    os.kill(worker, signal.SIGKILL)


def waiting(server: Server) -> int:
    with server.database() as database:
        return int(database.read(lambda tx: tx.execute("SELECT count(*) FROM outgoing_recipient"))[0][0])


def test_what_was_taken_and_not_recorded_comes_once_more_by_every_way(launch: Launch, hops: dict[str, Catcher], names: NameServer) -> None:
    server, mail = launch(three_ways({way: hop.port for way, hop in hops.items()}, names, workers=1)), message()
    with smtplib.SMTP("127.0.0.1", server.ports["SMTP"], timeout=20) as client:
        client.sendmail("carol@example.test", ["bob@example.test", *WAYS.values()], mail)
    wait_until(lambda: all(hop.messages for hop in hops.values()))
    kill_between(server, hops)
    wait_until(lambda: not waiting(server), lambda: server.log[-3000:])
    for way, hop in hops.items():
        assert [one.recipients for one in hop.messages] == [[WAYS[way]]] * 2
        assert all(subject(mail) in one.content for one in hop.messages)
    assert len(server.inbox("bob")) == 1
