"""The only reader and writer of a connection: lines, bytes, flush, switch to TLS, byte counts.

How this works. Input is one bytes object and a position in it: a line is found by ``find`` and cut out once, and nothing
is allocated while the peer is silent, which keeps an idle connection small. Output gathers in a list, and goes out when
there is much of it, and always before a read has to wait: so the answers to pipelined commands leave together, and nobody
waits for an answer that we hold (RFC 2920 section 3.2). The socket and the bounds of its waits are the carrier's.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .carrier import Carrier
from .compression import BadData, Compression
from .linestream import BareNewline, Disconnected, LineStream, LineTooLong, Stopping, TimedOut, Woken
from .watchdog import NEVER, Watchdog

if TYPE_CHECKING:
    from ..mail.client import TlsDetails

CR = 13
FLUSH_BYTES = 65_536  # output gathers up to this, then it is sent
LINGER_SECONDS = 2.0
SKIP_BYTES = 1_048_576  # of an over-long line; a peer that sends more without CRLF is not talking this protocol
BEGINNING = 100  # bytes of an over-long line that the exception holds


__all__ = ["BareNewline", "Disconnected", "LineStream", "LineTooLong", "Stopping", "Stream", "TimedOut", "Woken"]


class Stream(Carrier):
    """A connection. Raises Disconnected and TimedOut from everything that waits."""

    __slots__ = ("_at", "_in", "_out", "_out_bytes", "_packing", "_skipping", "bytes_out")

    def __init__(self, sock: Any, *, timeout: float = 300.0, deadline: float = NEVER, watchdog: Watchdog | None = None) -> None:
        self._in, self._at = b"", 0
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._skipping = False
        self._packing: Compression | None = None
        self.bytes_out = 0  # as seen by us, like ``bytes_in``
        super().__init__(sock, timeout=timeout, deadline=deadline, watchdog=watchdog)

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
        data = self._received_already()
        if data and self._packing is not None:
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
        return self._encrypt(context, server_side, server_hostname, timeout)

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

    # --- what comes ---

    def _receive(self) -> bytes:
        """What comes next, at least one byte; our own output goes out before we wait."""
        if self._packing is not None and (data := self._unpacked()):
            return data
        in_turn = bool(self._out) and self._watchdog is not None and self.tls is None
        if self._out:
            self.flush()
        data = self._receive_raw(in_turn)
        while self._packing is not None:
            self._packing.feed(data)
            if data := self._unpacked():
                break
            data = self._receive_raw(in_turn=False)
        return data

    def _unpacked(self) -> bytes:
        assert self._packing is not None
        try:
            return self._packing.unpack()
        except BadData as error:
            raise Disconnected from error

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
