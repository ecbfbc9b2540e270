"""Dialogues: text files in which an administrator can read what client (C:) and server (S:) say, and the peers they are run against.

A file is a title line, settings (``name: value``), and the dialogue:

    A stranger reaches local users.
    service: auth=optional
    S: 220 mail.example.test ESMTP…
    C: HELO client.example
    S: 250…

==========  =====================================================================================================
``C: text``   the client sends this line (CRLF is added)
``C= text``   the client sends exactly these bytes: \\r \\n \\0 \\xHH \\\\ are escapes, nothing is added
``S: text``   the server says this line; with … at the end, a line that begins so
``S~ regex``  the server says a line that matches as a whole
``S* text``   lines are passed over until one like this comes
``S: <closed>``  the server closes the connection
``TLS``       both sides start TLS
``KEPT n``    so many messages have been accepted so far (only where the runner can count them)
``# text``    a remark
==========  =====================================================================================================

Everywhere ``{A*5000}`` is text repeated and ``{base64:…}`` is text encoded (escapes count in it).
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from postroom.mail.client import TlsDetails
from postroom.wire.answer import Answer, Session, Then
from postroom.wire.dots import DotReader

REPEAT = re.compile(r"\{([^{}]+)\*(\d+)\}")
BASE64 = re.compile(r"\{base64:([^{}]*)\}")
ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([rn0t\\]))")
ESCAPES = {"r": "\r", "n": "\n", "0": "\0", "t": "\t", "\\": "\\"}
SETTING = re.compile(r"([a-z]+): (.*)")
STEP = re.compile(r"(C:|C=|S:|S~|S\*|TLS|KEPT)(?: (.*))?")
CLOSED = "<closed>"
SKIPPED_LINES = 100
TLS_DETAILS = TlsDetails("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)


class Peer(Protocol):
    """The server's side of a dialogue."""

    def send(self, data: bytes) -> None:
        """Give the server these bytes."""

    def line(self) -> str | None:
        """The server's next line without CRLF; None when it has closed the connection."""

    def start_tls(self) -> None:
        """Go on encrypted."""

    def kept(self) -> int | None:
        """Messages accepted so far; None when unknown."""


@dataclass(frozen=True)
class Step:
    """One line of a dialogue."""

    kind: str
    text: str
    where: str  # "file:line"


@dataclass
class Dialogue:
    """A dialogue file."""

    title: str
    settings: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def run(self, peer: Peer) -> None:
        """Talk it through with ``peer``; raises AssertionError with file and line at the first difference."""
        for step in self.steps:
            RUN[step.kind](peer, step)


def load(path: Path) -> Dialogue:
    """Read a dialogue file; raises ValueError with file and line for what is no dialogue."""
    lines = path.read_text("utf-8").splitlines()
    dialogue = Dialogue(lines[0].lstrip("# ").strip())
    for number, line in enumerate(lines[1:], 2):
        if not line.strip() or line.startswith("#"):
            continue
        step = STEP.fullmatch(line)
        setting = SETTING.fullmatch(line)
        if step:
            dialogue.steps.append(Step(step[1], step[2] or "", f"{path.name}:{number}"))
        elif setting and not dialogue.steps:
            dialogue.settings[setting[1]] = setting[2]
        else:
            raise ValueError(f"{path}:{number}: not a line of a dialogue: {line}")
    return dialogue


def run_on_session(dialogue: Dialogue, session: Session, *, limit: int = 2048, kept: Callable[[], int] | None = None) -> None:
    """Run it against a session without a socket. ``limit``: bytes of a command line; ``kept`` counts accepted messages."""
    dialogue.run(SessionPeer(session, limit, kept))


def run_on_socket(
    dialogue: Dialogue, host: str, port: int, *, tls: bool = False, timeout: float = 20.0, opening: bytes = b"", early: bytes = b""
) -> None:
    """Run it against a listening server. ``tls``: from the first byte; ``opening``: a proxy's header; ``early``: said too soon."""
    peer = SocketPeer(socket.create_connection((host, port), timeout))
    try:
        if opening or early:
            peer.send(opening + early)
        if tls:
            peer.start_tls()
        dialogue.run(peer)
    finally:
        peer.close()


def expand(text: str) -> str:
    """``text`` with its ``{…}`` replaced."""
    text = REPEAT.sub(lambda match: match[1] * int(match[2]), text)
    return BASE64.sub(lambda match: base64.b64encode(unescape(match[1])).decode("ascii"), text)


def unescape(text: str) -> bytes:
    """The bytes that a text with escapes stands for; other characters are UTF-8."""
    parts = ESCAPE.split(text)
    found = parts[0].encode("utf-8")
    for hexadecimal, letter, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        found += (bytes.fromhex(hexadecimal) if hexadecimal else ESCAPES[letter].encode()) + rest.encode("utf-8")
    return found


def _says(line: str | None, wanted: str) -> bool:
    if line is None or wanted == CLOSED:
        return line is None and wanted == CLOSED
    return line.startswith(wanted[:-1]) if wanted.endswith("…") else line == wanted


def _expect(peer: Peer, step: Step) -> None:
    wanted = expand(step.text)
    line = peer.line()
    assert _says(line, wanted), f"{step.where}: the server says {line!r}, not {wanted!r}"


def _expect_pattern(peer: Peer, step: Step) -> None:
    line = peer.line()
    assert line is not None and re.fullmatch(step.text, line), f"{step.where}: the server says {line!r}, which is not like {step.text!r}"


def _expect_among(peer: Peer, step: Step) -> None:
    seen: list[str | None] = []
    while len(seen) < SKIPPED_LINES and (not seen or seen[-1] is not None):
        seen.append(peer.line())
        if _says(seen[-1], expand(step.text)):
            return
    raise AssertionError(f"{step.where}: the server says {seen!r}, nowhere {step.text!r}")


def _expect_kept(peer: Peer, step: Step) -> None:
    kept = peer.kept()
    assert kept is None or kept == int(step.text), f"{step.where}: {kept} messages were kept"


RUN: dict[str, Callable[[Peer, Step], None]] = {
    "C:": lambda peer, step: peer.send(expand(step.text).encode("utf-8") + b"\r\n"),
    "C=": lambda peer, step: peer.send(unescape(expand(step.text))),
    "S:": _expect,
    "S~": _expect_pattern,
    "S*": _expect_among,
    "TLS": lambda peer, step: peer.start_tls(),
    "KEPT": _expect_kept,
}


class SocketPeer:
    """A listening server."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        """Give the server these bytes."""
        self._sock.sendall(data)

    def line(self) -> str | None:
        """The next line."""
        try:
            line = self._file.readline()
        except ConnectionResetError:  # closed while something of ours was unread
            return None
        return line.removesuffix(b"\r\n").decode("utf-8", "replace") if line else None

    def start_tls(self) -> None:
        """Handshake without looking at the certificate: it is self-signed."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._file.close()
        self._sock = context.wrap_socket(self._sock)
        self._file = self._sock.makefile("rb")

    def kept(self) -> int | None:
        """Nobody counts here."""
        return None

    def close(self) -> None:
        """End the connection."""
        self._file.close()
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

    def start_tls(self) -> None:
        """As if a handshake had taken place; what was sent ahead is dropped."""
        assert self._answer.then is Then.START_TLS, "the server does not wait for a handshake"
        self._input = b""
        self._session.tls_started(TLS_DETAILS, ("tls-server-end-point", b"fingerprint"))
        self._answer = Answer(b"")

    def kept(self) -> int | None:
        """What the runner counts."""
        return self._kept() if self._kept is not None else None

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
