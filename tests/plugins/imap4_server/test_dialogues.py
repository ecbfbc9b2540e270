"""The dialogues against the connection itself, in this process: the real store and the real plugin, nothing listens."""

from __future__ import annotations

import contextlib
import socket as sockets
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import gevent.ssl
import pytest
from gevent import socket

from postroom.testing import values
from postroom.testing.miniature import Miniature
from postroom.wire.stream import Disconnected, Stream, TimedOut
from tests.accounts import fill, users_of
from tests.dialogue import Dialogue, load, run_with_accounts
from tests.house import USUAL, settings_of
from tests.peers import SocketPeer

FOLDER = Path(__file__).parents[2] / "dialogues" / "imap4"
DIALOGUES = {path.stem: load(path) for path in sorted(FOLDER.glob("*.txt"))}
PATIENCE = 10.0  # seconds for an answer that should take milliseconds


def service(number: int, name: str, dialogue: Dialogue) -> dict[str, Any]:
    """A service with the settings that a file names."""
    return {"id": number, "name": name, "listen": ["127.0.0.1:0"], **USUAL["imap4"], **settings_of(dialogue, "service")}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def miniature(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Miniature]:
    """One server for all files, each of which has a service and accounts of its own."""
    settings: dict[str, Any] = {}
    name = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        name = server.create(request.getfixturevalue("migrated_postgresql"))
        settings = {"database": {"url": server.url(name), "pool": 3}}
    services = [service(number, title, dialogue) for number, (title, dialogue) in enumerate(DIALOGUES.items(), 1)]
    with Miniature(tmp_path_factory.mktemp(f"mini-{uuid.uuid4().hex[:6]}"), {"imap4_server": {"services": services}}, settings) as found:
        fill(found.context.db, DIALOGUES)
        found.context.directory.refresh()
        yield found
    if name:
        server.drop(name)


class Connections:
    """Opens connections to one service: a socket pair, one end of which the service serves."""

    def __init__(self, miniature: Miniature, name: str, dialogue: Dialogue) -> None:
        self.service = miniature.services[name]
        facts = settings_of(dialogue, "client")
        self.client = values.client(protocol="IMAP4", service=self.service.settings.id, service_name=name, **facts)
        self.greenlets: list[gevent.Greenlet] = []

    def open(self) -> SocketPeer:
        """One more."""
        mine, theirs = sockets.socketpair()
        with mine, theirs:  # gevent takes copies
            own, served = (socket.fromfd(one.fileno(), one.family, one.type) for one in (mine, theirs))
        own.settimeout(PATIENCE)
        self.greenlets.append(gevent.spawn(self._serve, Stream(served, timeout=PATIENCE)))
        return SocketPeer(own, gevent.ssl)

    def _serve(self, stream: Stream) -> None:
        with contextlib.suppress(Disconnected, TimedOut):
            try:
                self.service.handle(stream, self.client)
            finally:
                stream.close()

    def close(self) -> None:
        """Wait until all sessions have ended."""
        gevent.joinall(self.greenlets, PATIENCE, raise_error=True)
        assert all(greenlet.dead for greenlet in self.greenlets), "a session does not end when its client has gone"


@pytest.mark.parametrize("name", [name for name, dialogue in DIALOGUES.items() if dialogue.settings.get("only") != "socket"])
def test_the_session_talks_as_written(miniature: Miniature, name: str) -> None:
    dialogue = DIALOGUES[name]
    connections = Connections(miniature, name, dialogue)

    def deliver(user: str, data: bytes) -> None:
        reply = miniature.send("ann@elsewhere.example", f"{user}@example.test", text=data.decode())
        assert reply.startswith("250"), reply

    run_with_accounts(dialogue, connections.open, deliver, users_of(name, dialogue))
    connections.close()
