"""Servers that misbehave, each at an address of its own and all on one port: what connects is answered by a script."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.core.clients.smtp_peer import Connection

PATIENCE = 60.0  # seconds for a client that is slow


@dataclass
class Rogue:
    """One of them. Its first connection plays the first script and so on, the last script is played for ever."""

    scripts: Sequence[str]
    context: ssl.SSLContext
    messages: list[bytes] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    connections: int = 0
    over: bool = False

    def play(self, sock: socket.socket) -> None:
        """One connection."""
        self.connections += 1
        script = self.scripts[min(self.connections, len(self.scripts)) - 1]
        connection = Connection(self, sock)  # type: ignore[arg-type]
        sock.settimeout(PATIENCE)
        with contextlib.suppress(OSError, AssertionError):  # what the client did otherwise is in ``heard``, and in what it thinks of us
            connection.play(script)


class Rogues:
    """All of them, by their addresses (127.x.y.z)."""

    def __init__(self, scripts: Mapping[str, Sequence[str]], context: ssl.SSLContext) -> None:
        self.rogues = {host: Rogue(each, context) for host, each in scripts.items()}
        self._listeners = self._bind()
        self.port = int(self._listeners[0].getsockname()[1])
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _bind(self) -> list[socket.socket]:
        """One port that is free at each address."""
        for _ in range(20):
            found: list[socket.socket] = []
            with contextlib.suppress(OSError):
                for host in self.rogues:
                    found.append(socket.create_server((host, found[0].getsockname()[1] if found else 0)))
                return found
            for listener in found:
                listener.close()
        raise OSError("no port is free at all addresses")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._wake.close()
        self._thread.join(10)
        for listener in (*self._listeners, self._woken):
            listener.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for listener in (*self._listeners, self._woken):
                selector.register(listener, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        return
                    sock, _ = key.fileobj.accept()  # type: ignore[union-attr]
                    threading.Thread(target=self.rogues[sock.getsockname()[0]].play, args=(sock,), daemon=True).start()
