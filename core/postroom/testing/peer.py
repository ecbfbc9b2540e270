"""The other side of a session: what a client would say, and what it hears."""

from __future__ import annotations

import contextlib
import socket as sockets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import gevent
from gevent import socket

from ..wire.stream import Disconnected, Stream, TimedOut

if TYPE_CHECKING:
    from ..mail.client import Client
    from ..provided import Service

PATIENCE = 30.0  # seconds for an answer; a test that waits longer has failed, however busy the machine
GRACE = 10.0  # seconds for a session to end by itself


class Peer:
    """A client that is connected to ``service``. ``greeting``: what it heard first. Use it in a ``with`` block, or close it."""

    def __init__(self, service: Service, client: Client) -> None:
        self.client = client
        self._service = service
        mine, theirs = sockets.socketpair()
        with mine, theirs:  # gevent takes copies
            self._sock = _of_gevent(mine)
            server_side = _of_gevent(theirs)
        self._file = self._sock.makefile("rb")
        self.stream = Stream(server_side, timeout=GRACE)  # the server's end
        self._greenlet = gevent.spawn(self._serve, self.stream)
        self._multi_line = _MULTI_LINE.get(service.protocol, _one_line)
        self.greeting = self.reply()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def say(self, line: str) -> str:
        """Send a command line; the reply, without its last CRLF, "" when the server has closed the connection."""
        self.send(line.encode("utf-8") + b"\r\n")
        return self.reply()

    def send(self, data: bytes) -> None:
        """Send exactly these bytes."""
        self._sock.sendall(data)

    def reply(self) -> str:
        """The next reply, all its lines joined by LF; "" when the server has closed the connection."""
        lines = [self.line()]
        while lines[-1] and self._multi_line(lines[-1]):
            lines.append(self.line())
        return "\n".join(line or "" for line in lines)

    def line(self) -> str | None:
        """The next line of the server without CRLF; None when it has closed the connection."""
        line = self.read()
        return line.removesuffix(b"\r\n").decode("utf-8", "replace") if line else None

    def read(self, size: int | None = None) -> bytes:
        """Exactly ``size`` bytes as they are sent, or the next line with its CRLF; b"" when the server has closed the connection."""
        with gevent.Timeout(PATIENCE, AssertionError("the server says nothing")):
            data: bytes = self._file.readline() if size is None else self._file.read(size)
        return data

    def close(self) -> None:
        """Hang up, and wait until the session has ended."""
        self._file.close()
        self._sock.close()
        self._greenlet.join(GRACE)
        self._greenlet.kill()

    def _serve(self, stream: Stream) -> None:
        with contextlib.suppress(Disconnected, TimedOut):
            try:
                self._service.handle(stream, self.client)
            finally:
                stream.close()


def _of_gevent(sock: sockets.socket) -> Any:
    return socket.fromfd(sock.fileno(), sock.family, sock.type)


def _one_line(line: str) -> bool:
    return False


_MULTI_LINE: dict[str, Callable[[str], bool]] = {"SMTP": lambda line: line[3:4] == "-"}
