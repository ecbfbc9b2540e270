"""A socket whose every wait is bounded: by silence, by the session's end, and between two commands by whoever interrupts it.

The socket is any socket with a time-out (gevent's, or an ordinary one in tests). Each wait is bounded by ``timeout`` (silence) and by
``deadline`` (the session), whichever ends first. Who bounds it is the socket itself, or for a server's thousands of connections a shared
watchdog, which is cheaper.
"""

from __future__ import annotations

import fcntl
import socket as sockets
import ssl
import termios
import time
from typing import TYPE_CHECKING, Any

from gevent import get_hub, getcurrent

from . import tls
from .linestream import Disconnected, Stopping, TimedOut, Woken
from .watchdog import NEVER, Watchdog

if TYPE_CHECKING:
    from greenlet import greenlet

    from ..mail.client import TlsDetails

READ_BYTES = 65_536


class Carrier:
    """What carries the bytes of a stream. Raises Disconnected and TimedOut from everything that waits."""

    __slots__ = (
        "__weakref__", "_between", "_binding", "_limit", "_reader", "_torn", "_waiter", "_watchdog",
        "bytes_in", "deadline", "expires", "sock", "stopping", "timeout", "tls", "woken",
    )  # fmt: skip

    def __init__(self, sock: Any, *, timeout: float = 300.0, deadline: float = NEVER, watchdog: Watchdog | None = None) -> None:
        self.sock = sock
        self.timeout = timeout  # seconds of silence; may be changed at any time
        self.deadline = deadline  # time.monotonic() at which every wait ends
        self.tls: TlsDetails | None = None
        self.bytes_in = 0  # as seen by us: without what TLS adds
        self.stopping = self.woken = False
        self._torn = False  # sending broke off, so that what is sent next would be taken for the rest
        self._binding = b""
        self._between = False  # reading the next command: may be interrupted
        self._reader: greenlet | None = None  # who waits for the next command
        self._limit: float | None = -1.0  # the time-out that the socket has now
        self.expires = NEVER  # for the watchdog, which has _waiter told
        self._waiter: greenlet | None = None
        self._watchdog = watchdog
        if watchdog is not None:
            watchdog.watch(self)

    # --- TLS ---

    def channel_binding(self) -> tuple[str, bytes] | None:
        """("tls-server-end-point", data) for SCRAM-…-PLUS (RFC 5929 section 4); None without TLS."""
        return (tls.BINDING, self._binding) if self._binding else None

    def _encrypt(self, context: ssl.SSLContext, server_side: bool, server_hostname: str | None, timeout: float) -> TlsDetails:
        """Handshake. Raises as ``Stream.start_tls``."""
        limit = min(timeout, self.deadline - time.monotonic())
        if limit <= 0:
            raise TimedOut
        try:
            self.sock = tls.handshake(self.sock, context, server_side, server_hostname, limit)
        except OSError as error:
            raise _fault(error) from error
        self._limit = limit
        self.tls = tls.details(self.sock)
        self._binding = tls.endpoint_binding(self.sock, server_side)
        return self.tls

    # --- interruptions ---

    def stop(self) -> None:
        """From another greenlet: the server stops. ``read_command`` raises Stopping, at once where it waits already."""
        self.stopping = True
        get_hub().loop.run_callback(self._interrupt)

    def wake(self) -> None:
        """From another greenlet: there is something to tell. ``read_command`` raises Woken when it waits, now or the next time."""
        if not self.woken:
            self.woken = True
            get_hub().loop.run_callback(self._interrupt)

    def _interrupt(self) -> None:
        """In the hub: wake the reader if it waits still; by now it may be at work on what has come."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.throw(self._reason())

    def _reason(self) -> Exception:
        """Why the wait for the next command ends."""
        if self.stopping:
            return Stopping()
        self.woken = False
        return Woken()

    # --- bounded waits ---

    def expire(self) -> None:
        """In the hub: the watchdog ends a wait."""
        waiter, self.expires = self._waiter, NEVER
        if waiter is not None:
            waiter.throw(TimedOut)

    def _arm(self) -> None:
        """Set the time that the next wait may take; ``expires`` must be NEVER again after it."""
        now = time.monotonic()
        limit = min(self.deadline - now, self.timeout)
        if limit <= 0:
            raise TimedOut
        if self._watchdog is not None:
            self.expires, self._waiter = now + limit, getcurrent()
            if self._limit is not None:
                self.sock.settimeout(None)
                self._limit = None
        elif limit != self._limit:
            self.sock.settimeout(limit)
            self._limit = limit

    def _receive_raw(self, in_turn: bool) -> bytes:
        """What one receive brings. ``in_turn``: the peer has yet to read what we said, so that a receive at once would fail."""
        if self._between and (self.woken or self.stopping):  # perhaps since our last words went out, which may have waited long
            raise self._reason()
        self._arm()
        if self._between:
            self._reader = getcurrent()
        try:
            if in_turn:  # to fail costs more than a command
                self.sock._wait(self.sock._read_event)
            data: bytes = self.sock.recv(READ_BYTES)
        except OSError as error:
            raise _fault(error) from error
        finally:
            self._reader, self.expires = None, NEVER
        if not data:
            raise Disconnected
        self.bytes_in += len(data)
        return data

    def _received_already(self) -> bytes:
        """What has come, without waiting for it; b"" also from a broken connection, which shows at the next read."""
        if self.tls is None and not _waiting_in_kernel(self.sock):
            return b""
        try:
            self._never_wait()
            data: bytes = self.sock.recv(READ_BYTES)
        except OSError:
            return b""
        self.bytes_in += len(data)
        return data

    def _send(self, data: bytes) -> None:
        """Send all; each part that the peer takes begins a new silence."""
        if self._torn:
            raise Disconnected
        rest: bytes | memoryview = data
        while True:
            self._arm()
            self._torn = True
            try:
                sent = self.sock.send(rest)
            except OSError as error:
                raise _fault(error) from error
            finally:
                self.expires = NEVER
            if sent == len(rest):
                self._torn = False
                return
            rest = memoryview(rest)[sent:]

    def _end_output(self) -> None:
        """Say goodbye in TLS when there is TLS (without waiting for the answer), in TCP otherwise."""
        self._never_wait()
        if self.tls is not None:
            self.sock.unwrap()
        else:
            self.sock.shutdown(sockets.SHUT_WR)

    def _never_wait(self) -> None:
        self.sock.settimeout(0)
        self._limit = 0.0


def _fault(error: OSError) -> Exception:
    """What an error of the socket means. gevent reports a time-out under TLS as an SSLError with these words."""
    if isinstance(error, TimeoutError) or (isinstance(error, ssl.SSLError) and "timed out" in str(error)):
        return TimedOut()
    return Disconnected()


def _waiting_in_kernel(sock: Any) -> bool:
    """Whether bytes wait to be received: cheaper than a receive that fails. True when the system cannot tell."""
    try:
        return any(fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)))
    except (OSError, ValueError):  # ValueError: it is closed
        return True
