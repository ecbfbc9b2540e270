"""The only reader and writer of a connection: lines, bytes, flush, switch to TLS, time-outs, byte counts.

How this works. Input is one bytes object and a position in it: a line is found by ``find`` and cut out once, and nothing
is allocated while the peer is silent, which keeps an idle connection small. Output gathers in a list, and goes out when
there is much of it, and always before a read has to wait: so the answers to pipelined commands leave together, and nobody
waits for an answer that we hold (RFC 2920 section 3.2). The socket is any socket with a time-out (gevent's, or an ordinary
one in tests); each wait is bounded by ``timeout`` (silence) and by ``deadline`` (the session), whichever ends first. Who
bounds it is the socket itself, or for a server's thousands of connections a shared watchdog, which is cheaper.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket as sockets
import ssl
import termios
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gevent import get_hub, getcurrent

from . import tls
from .compression import BadData, Compression
from .linestream import BareNewline, Disconnected, LineStream, LineTooLong, Stopping, TimedOut, Woken
from .watchdog import NEVER, Watchdog

if TYPE_CHECKING:
    from greenlet import greenlet

    from ..mail.client import TlsDetails

CR = 13
READ_BYTES = 65_536
FLUSH_BYTES = 65_536  # output gathers up to this, then it is sent
LINGER_SECONDS = 2.0
SKIP_BYTES = 1_048_576  # of an over-long line; a peer that sends more without CRLF is not talking this protocol
BEGINNING = 100  # bytes of an over-long line that the exception holds


__all__ = ["BareNewline", "Disconnected", "LineStream", "LineTooLong", "Stopping", "Stream", "TimedOut", "Woken"]


class Stream:
    """A connection. Raises Disconnected and TimedOut from everything that waits."""

    __slots__ = (
        "__weakref__", "_at", "_between", "_binding", "_in", "_limit", "_out", "_out_bytes", "_packing", "_reader", "_skipping", "_torn",
        "_waiter", "_watchdog", "bytes_in", "bytes_out", "deadline", "expires", "sock", "stopping", "timeout", "tls", "woken",
    )  # fmt: skip

    def __init__(self, sock: Any, *, timeout: float = 300.0, deadline: float = NEVER, watchdog: Watchdog | None = None) -> None:
        self.sock = sock
        self.timeout = timeout  # seconds of silence; may be changed at any time
        self.deadline = deadline  # time.monotonic() at which every wait ends
        self.tls: TlsDetails | None = None
        self.bytes_in = self.bytes_out = 0  # as seen by us: without what TLS adds
        self.stopping = self.woken = False
        self._in, self._at = b"", 0
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._skipping = False
        self._torn = False  # sending broke off, so that what is sent next would be taken for the rest
        self._packing: Compression | None = None
        self._binding = b""
        self._between = False  # reading the next command: may be interrupted
        self._reader: greenlet | None = None  # who waits for the next command
        self._limit: float | None = -1.0  # the time-out that the socket has now
        self.expires = NEVER  # for the watchdog, which has _waiter told
        self._waiter: greenlet | None = None
        self._watchdog = watchdog
        if watchdog is not None:
            watchdog.watch(self)

    # --- reading ---

    @property
    def buffered(self) -> int:
        """Bytes that came and are not read yet."""
        return len(self._in) - self._at

    @property
    def gathered(self) -> int:
        """Bytes that are written and not sent yet."""
        return self._out_bytes

    def read_command(self, limit: int) -> bytes:
        """The next line, as ``read_line``; raises Stopping when the server stops before it is here, and Woken after ``wake``."""
        if self.stopping:
            raise Stopping
        self._between = True
        try:
            return self.read_line(limit)
        finally:
            self._between = False

    def read_line(self, limit: int) -> bytes:
        """The next line without its CRLF, of at most ``limit`` bytes. Raises LineTooLong and BareNewline."""
        if self._skipping:
            self._skip_line()
        end = self._in.find(b"\n", self._at)
        while end < 0:
            if len(self._in) - self._at > limit + 1:  # one more may be the CR of a line that just fits
                self._skipping = True
                raise LineTooLong(self._in[self._at : self._at + BEGINNING])
            held = self._in[self._at :]
            self._in, self._at = held, 0  # not later: what has been read must not stay in memory while the peer is silent
            self._in = held + self._receive()
            end = self._in.find(b"\n", len(held))
        line = self._in[self._at : end - 1] if end > self._at else b""
        whole = end > self._at and self._in[end - 1] == CR
        too_long = end - self._at - whole > limit
        self._at = end + 1
        self._skipping = not whole
        if too_long:
            raise LineTooLong(line[:BEGINNING])
        if not whole or b"\r" in line:
            raise BareNewline
        return line

    def read_some(self) -> bytes:
        """Some bytes, at least one: what is buffered, else what one receive brings."""
        if self._at < len(self._in):
            data = self._in[self._at :] if self._at else self._in
            self._in, self._at = b"", 0
            return data
        return self._receive()

    def unread(self, data: bytes) -> None:
        """Put bytes back in front: the next read starts with them."""
        if data:
            self._in, self._at = data + self._in[self._at :], 0

    def read_exact(self, size: int) -> bytes:
        """Exactly ``size`` bytes, in memory: for literals and the like that the caller has bounded."""
        return b"".join(self.read_pieces(size))

    def read_pieces(self, size: int) -> Iterator[bytes]:
        """Exactly ``size`` bytes in pieces as they come, in bounded memory."""
        while size > 0:
            piece = self.read_some()
            if len(piece) > size:
                self.unread(piece[size:])
                piece = piece[:size]
            size -= len(piece)
            yield piece

    def input_waiting(self) -> bool:
        """True when the peer has sent something that is not read yet (an early talker); waits for nothing.

        A peer that has closed is no talker: the next read tells.
        """
        if self._at < len(self._in):
            return True
        if self.tls is None and not _waiting_in_kernel(self.sock):
            return False
        try:
            self.sock.settimeout(0)
            self._limit = 0.0
            data: bytes = self.sock.recv(READ_BYTES)
        except OSError:  # nothing there; a broken connection shows at the next read
            return False
        self.bytes_in += len(data)
        if self._packing is not None:
            self._packing.feed(data)
            with contextlib.suppress(Disconnected):  # the next read tells
                data = self._unpacked()
        self._in, self._at = data, 0
        return bool(data)

    # --- writing ---

    def write(self, data: bytes) -> None:
        """Gather output; it is sent by ``flush``, or at once when much has gathered."""
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what has gathered."""
        if not self._out:
            return
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_bytes = 0
        self._send(data if self._packing is None else self._packing.pack(data))
        self.bytes_out += len(data)

    def compress(self) -> None:
        """Compress from here on, in both directions (RFC 4978), inside TLS when there is TLS; what is gathered must be flushed before."""
        self._packing = Compression()
        self._packing.feed(self._in[self._at :])  # it was sent behind the command, so it is compressed
        self._in, self._at = b"", 0

    def rest(self) -> None:
        """The peer will be silent for a while: keep as little memory as possible."""
        if self._packing is not None:
            self._packing.rest()

    # --- TLS and the end ---

    def start_tls(
        self, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None = None, timeout: float = 30.0
    ) -> TlsDetails:
        """Handshake over this connection and go on encrypted; what was buffered, in both directions, is dropped.

        Raises tls.HandshakeFailed (with a reason in words), TimedOut or Disconnected; the connection is of no use then.
        """
        self._in, self._at, self._skipping = b"", 0, False  # RFC 3207 4.2, CVE-2011-0411: injected plaintext must not survive
        self._out.clear()
        self._out_bytes = 0
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

    def channel_binding(self) -> tuple[str, bytes] | None:
        """("tls-server-end-point", data) for SCRAM-…-PLUS (RFC 5929 section 4); None without TLS."""
        return (tls.BINDING, self._binding) if self._binding else None

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

    def linger(self) -> None:
        """Before ``close``: when the peer still talks, wait a little for its end, lest a reset destroy our last words."""
        if not self.input_waiting():
            return
        self._in, self._at = b"", 0
        self.timeout = LINGER_SECONDS
        self.deadline = min(self.deadline, time.monotonic() + LINGER_SECONDS)
        with contextlib.suppress(OSError):
            self._end_output()
        with contextlib.suppress(Disconnected, TimedOut):
            while True:
                self._receive()

    def close(self) -> None:
        """Close the connection, TLS first; safe to call twice. What is not flushed is lost."""
        if self._watchdog is not None:
            self._watchdog.forget(self)
        self._out.clear()
        if self.tls is not None:
            with contextlib.suppress(OSError, ValueError):  # the peer was faster, or it is closed already
                self._end_output()
        self.sock.close()

    def _end_output(self) -> None:
        """Say goodbye in TLS when there is TLS (without waiting for the answer), in TCP otherwise."""
        self.sock.settimeout(0)
        self._limit = 0.0
        if self.tls is not None:
            self.sock.unwrap()
        else:
            self.sock.shutdown(sockets.SHUT_WR)

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

    def _receive(self) -> bytes:
        """What comes next, at least one byte; our own output goes out first."""
        if self._packing is None:
            return self._receive_raw()
        while not (data := self._unpacked()):
            self._packing.feed(self._receive_raw())
        return data

    def _unpacked(self) -> bytes:
        assert self._packing is not None
        try:
            return self._packing.unpack()
        except BadData as error:
            raise Disconnected from error

    def _receive_raw(self) -> bytes:
        """What one receive brings."""
        in_turn = bool(self._out) and self._watchdog is not None and self.tls is None
        if self._out:
            self.flush()
        if self._between and (self.woken or self.stopping):  # perhaps since that flush, which may have waited long
            raise self._reason()
        self._arm()
        if self._between:
            self._reader = getcurrent()
        try:
            if in_turn:  # the peer has yet to read what we said: a receive at once would fail, and cost more than a command
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

    def _skip_line(self) -> None:
        """Throw away what is left of a faulty line, through its CRLF."""
        skipped = 0
        while (end := self._in.find(b"\r\n", self._at)) < 0:
            held = self._in[-1:] if self._in[-1:] == b"\r" and self._at < len(self._in) else b""
            skipped += len(self._in) - self._at - len(held)
            if skipped > SKIP_BYTES:
                raise Disconnected
            self._in, self._at = b"", 0
            self._in = held + self._receive()
        self._at = end + 2
        self._skipping = False


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
