"""Connections to a service in this process: a socket pair, one end of which the service serves; nothing listens."""

from __future__ import annotations

import contextlib
import socket as sockets
from typing import Any

import gevent
from gevent import socket

from postroom.testing import values
from postroom.testing.miniature import Miniature
from postroom.wire.stream import Disconnected, Stream, TimedOut
from tests.peers import SocketPeer

PATIENCE = 10.0  # seconds for an answer that should take milliseconds


class Connections:
    """Opens connections to the service of that name; ``facts`` are fields of ``Client`` that differ from a stranger's."""

    def __init__(self, miniature: Miniature, name: str, **facts: Any) -> None:
        self.service = miniature.services[name]
        self.client = values.client(protocol="IMAP4", service=self.service.settings.id, service_name=name, **facts)
        self.greenlets: list[gevent.Greenlet] = []

    def open(self) -> SocketPeer:
        """One more."""
        mine, theirs = sockets.socketpair()
        with mine, theirs:  # gevent takes copies
            own, served = (socket.fromfd(one.fileno(), one.family, one.type) for one in (mine, theirs))
        own.settimeout(PATIENCE)
        self.greenlets.append(gevent.spawn(self._serve, Stream(served, timeout=PATIENCE)))
        return SocketPeer(own)

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
