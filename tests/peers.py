"""The server's side of a dialogue: a listening server, or a session without socket and clock."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from postroom.mail.client import TlsDetails
from postroom.wire.answer import Answer, Session, Then
from postroom.wire.dots import DotReader

TLS_DETAILS = TlsDetails("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
READ_BYTES = 65_536


class Peer(Protocol):
    """The server's side of a dialogue."""

    def send(self, data: bytes) -> None:
        """Give the server these bytes."""

    def line(self) -> str | None:
        """The server's next line without CRLF; None when it has closed the connection."""

    def exactly(self, size: int) -> bytes:
        """The server's next ``size`` bytes; fewer when it has closed the connection."""

    def start_tls(self) -> None:
        """Go on encrypted."""

    def deflate(self) -> None:
        """Go on compressed, in both directions."""

    def kept(self) -> int | None:
        """Messages accepted so far; None when unknown."""

    def close(self) -> None:
        """End the connection."""


class SocketPeer:
    """A server behind a socket."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._in = b""
        self._packer: Any = None
        self._unpacker: Any = None

    def send(self, data: bytes) -> None:
        """Give the server these bytes."""
        if self._packer is not None:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        try:
            self._sock.sendall(data)
        except (ConnectionResetError, BrokenPipeError):  # it has closed: its last words and the end are read still
            return

    def line(self) -> str | None:
        """The next line."""
        while (end := self._in.find(b"\n")) < 0:
            if not self._more():
                break
        if end < 0:
            end = len(self._in) - 1
        line, self._in = self._in[: end + 1], self._in[end + 1 :]
        return line.removesuffix(b"\r\n").decode("utf-8", "replace") if line else None

    def exactly(self, size: int) -> bytes:
        """The next bytes."""
        while len(self._in) < size and self._more():
            pass
        found, self._in = self._in[:size], self._in[size:]
        return found

    def _more(self) -> bool:
        try:
            data: bytes = self._sock.recv(READ_BYTES)
        except ConnectionResetError:  # closed while something of ours was unread
            return False
        except TimeoutError:
            raise AssertionError(f"the server says nothing more after {self._in!r}") from None
        self._in += data if self._unpacker is None else self._unpacker.decompress(data)
        return bool(data)

    def start_tls(self) -> None:
        """Handshake without looking at the certificate: it is self-signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        assert not self._in, f"the server says {self._in!r} before the handshake"
        self._sock = context.wrap_socket(self._sock)

    def deflate(self) -> None:
        """Raw deflate (RFC 4978)."""
        self._packer, self._unpacker = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)
        self._in = self._unpacker.decompress(self._in)

    def kept(self) -> int | None:
        """Nobody counts here."""
        return None

    def close(self) -> None:
        """End the connection."""
        self._sock.close()


class SessionPeer:
    """A session, driven as ``wire.dialogue.hold`` drives it, without socket and clock."""

    def __init__(self, session: Session, limit: int = 2048, kept: Callable[[], int] | None = None) -> None:
        self._session, self._limit, self._kept = session, limit, kept
        self._input, self._output = b"", b""
        self._dots = DotReader()
        self._answer = Answer(b"")
        self._size = 0  # of the message or chunk so far
        self._take(session.greet())

    def send(self, data: bytes) -> None:
        """Give the session these bytes, and run it until it needs more."""
        self._input += data
        while READ[self._answer.then](self):
            pass

    def line(self) -> str | None:
        """The next line."""
        if not self._output and self._answer.then is Then.CLOSE:
            return None
        line, crlf, self._output = self._output.partition(b"\r\n")
        assert crlf, f"the server says nothing (it waits: {self._answer.then.name}), {line!r} is left"
        return line.decode("utf-8")

    def exactly(self, size: int) -> bytes:
        """The next bytes."""
        found, self._output = self._output[:size], self._output[size:]
        return found

    def start_tls(self) -> None:
        """As if a handshake had taken place; what was sent ahead is dropped."""
        assert self._answer.then is Then.START_TLS, "the server does not wait for a handshake"
        self._input = b""
        self._session.tls_started(TLS_DETAILS, ("tls-server-end-point", b"fingerprint"))
        self._answer = Answer(b"")

    def kept(self) -> int | None:
        """What the runner counts."""
        return self._kept() if self._kept is not None else None

    def deflate(self) -> None:
        """No protocol of these sessions compresses."""
        raise AssertionError("there is no compression here")

    def close(self) -> None:
        """The client hangs up: nobody is told."""

    def _take(self, answer: Answer) -> bool:
        self._answer, self._size = answer, 0
        self._output += answer.send if isinstance(answer.send, bytes) else b"".join(answer.send)
        if answer.then is Then.READ_MESSAGE:
            self._dots = DotReader()
        return True

    def _read_line(self) -> bool:
        raw, crlf, rest = self._input.partition(b"\r\n")
        if not crlf:
            return False
        self._input = rest
        if len(raw) > self._limit:
            return self._take(self._session.unreadable("too-long"))
        if b"\r" in raw or b"\n" in raw:
            return self._take(self._session.unreadable("bare-newline"))
        respond = self._answer.then is Then.READ_RESPONSE
        return self._take(self._session.respond(raw) if respond else self._session.handle(raw))

    def _read_message(self) -> bool:
        data, self._input = self._input, b""
        if not data:
            return False
        for piece in self._dots.feed(data):
            self._size += len(piece)
            if self._answer.sink is not None and self._size <= (self._answer.size or 50 << 20):
                self._answer.sink.write(piece)
        if not self._dots.done:
            return False
        self._input = self._dots.rest
        too_big = "too-big" if self._size > (self._answer.size or 50 << 20) else None
        return self._take(self._session.received(self._dots.fault or too_big, self._size))

    def _read_chunk(self) -> bool:
        piece = self._input[: self._answer.size - self._size]
        self._input = self._input[len(piece) :]
        self._size += len(piece)
        if self._answer.sink is not None and piece:
            self._answer.sink.write(piece)
        return self._size == self._answer.size and self._take(self._session.received(None, self._size))

    def _wait(self) -> bool:
        return False


READ: dict[Then, Callable[[SessionPeer], bool]] = {
    Then.READ_LINE: SessionPeer._read_line,
    Then.READ_RESPONSE: SessionPeer._read_line,
    Then.READ_MESSAGE: SessionPeer._read_message,
    Then.READ_CHUNK: SessionPeer._read_chunk,
    Then.START_TLS: SessionPeer._wait,
    Then.CLOSE: SessionPeer._wait,
}
