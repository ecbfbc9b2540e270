"""Accepts connections on a listening socket, from the hub, one per turn of the loop.

One at a time, so that sessions go on between two accepts, and a busy worker leaves new clients to the others. The callback
runs in the hub and must not wait: it only starts a greenlet.
"""

from __future__ import annotations

import os
import socket as sockets
from collections.abc import Callable
from typing import Any

import gevent
from gevent.socket import socket as gevent_socket

READ = 1  # libev's EV_READ
REST_SECONDS = 0.5  # after an accept failed for want of descriptors or memory


class Acceptor:
    """``start()`` calls ``serve(sock, peer_address)`` in a new greenlet for each connection; ``report`` hears of failures in words."""

    def __init__(self, listening: sockets.socket, serve: Callable[[Any, Any], None], report: Callable[[str], object]) -> None:
        # A handle of our own: the listening socket is shared with the supervisor, and may be of another socket class.
        self._sock = gevent_socket(listening.family, listening.type, listening.proto, fileno=os.dup(listening.fileno()))
        self._sock.settimeout(0)
        if listening.family != sockets.AF_UNIX:
            # Accepted sockets inherit both. Our answers leave in one piece, so Nagle's algorithm could only delay them.
            self._sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
            self._sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE, 1)
        self._serve, self._report = serve, report
        loop = gevent.get_hub().loop
        self._ready = loop.io(self._sock.fileno(), READ)
        self._rest = loop.timer(REST_SECONDS)

    def start(self) -> None:
        """Accept from now on."""
        self._ready.start(self._accept)

    def stop(self) -> None:
        """Accept nothing more, and give up the handle."""
        self._ready.stop()
        self._rest.stop()
        self._ready.close()
        self._rest.close()
        self._sock.close()

    def _accept(self) -> None:
        try:
            sock, peer = self._sock.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):  # another worker took it, or it is gone
            return
        except OSError as error:  # EMFILE and the like: the socket stays readable, so asking again at once would spin
            self._ready.stop()
            self._rest.start(self.start)
            self._report(f"cannot accept connections for {REST_SECONDS} s: {error.strerror}")
            return
        gevent.spawn(self._serve, sock, peer)
