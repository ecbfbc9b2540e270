"""What a session, and the reader of its commands, hear and say through: the stream, with the time that our own work may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from gevent import get_hub, getcurrent, idle

from postroom.wire.dialogue import Contexts, TooSlow
from postroom.wire.stream import FLUSH_BYTES, Stream, TimedOut, Woken
from postroom.wire.tls import HandshakeFailed

from .limits import ImapLimits

if TYPE_CHECKING:
    from postroom import TlsDetails

T = TypeVar("T")

HIGHEST = 2  # priority: whoever breathes goes on after one look at sockets and timers, however busy the others are


class Channel:
    """``Source`` of the reader and ``Output`` of the session.

    ``midway`` must be True while a response is begun and not complete (a literal is being sent): if the work ends there, nothing
    more can be said. ``known``: somebody has logged in, so that longer lines and silences are allowed.
    """

    __slots__ = ("_begins", "_greenlet", "_left", "_limits", "_timer", "_tls", "_woken", "_working", "known", "midway", "stream")

    def __init__(self, stream: Stream, limits: ImapLimits, tls: Contexts) -> None:
        self.stream, self._limits, self._tls = stream, limits, tls
        self.midway = self.known = False
        self._begins = False  # the next line is the first of a command
        self._left = 0  # bytes of the literal under way
        self._greenlet = getcurrent()
        self._timer = get_hub().loop.timer(limits.work)
        self._working = False
        self._woken: Callable[[], object] = _nothing

    # --- commands

    def begin(self, woken: Callable[[], object]) -> None:
        """The next line begins a command; ``woken`` is called when somebody wakes us while we wait for it."""
        self._begins, self._woken, self._left = True, woken, 0

    def line(self) -> bytes:
        """The next line of a command. Raises LineTooLong, BareNewline, Disconnected, TimedOut and, before the first, Stopping."""
        limits, stream = self._limits, self.stream
        stream.timeout = limits.idle if self.known else limits.idle_before_login
        most = limits.line_after_login if self.known else limits.line
        if not self._begins:
            with self._patience():
                return stream.read_line(most)
        while True:
            try:
                line = stream.read_command(most)
            except Woken:
                self.work(self._woken)
            else:
                self._begins = False
                return line

    def pieces(self, size: int) -> Iterator[bytes]:
        """Exactly ``size`` bytes of a literal, as they come."""
        self._left, stream = size, self.stream
        pieces, before = stream.read_pieces(size), stream.deadline
        stream.deadline = min(before, time.monotonic() + self._limits.message_time)  # not only each silence in it
        try:
            while self._left:
                with self._patience():
                    piece = next(pieces)
                self._left -= len(piece)
                yield piece
        finally:
            stream.deadline = before

    def go_ahead(self) -> None:
        """Tell the client to send its literal."""
        self.write(b"+ OK\r\n")
        self.flush()

    def skip_literal(self) -> None:
        """Read what is left of a literal whose reading was given up."""
        for _ in self.pieces(self._left):
            pass

    # --- answers

    def write(self, data: bytes) -> None:
        """Gather output. Waits when much has gathered and the client does not take it, which is not counted as our work."""
        if self.stream.gathered + len(data) < FLUSH_BYTES:
            self.stream.write(data)
        else:
            with self._patience():
                self.stream.write(data)

    def flush(self) -> None:
        """Send what has gathered."""
        with self._patience():
            self.stream.flush()

    def breathe(self) -> None:
        """Let other sessions run, those too whose bytes have just come.

        ``sleep(0)`` would not do: the hub looks for bytes and timers only when all that is ready has had its turn fifty times.
        """
        idle(HIGHEST)

    # --- within a command

    def ask(self, prompt: bytes) -> bytes:
        """Send a line beginning with "+ " and read the client's answer, a line of its own (SASL)."""
        self.write(b"+ %s\r\n" % prompt)
        with self._patience():
            return self.stream.read_line(self._limits.response)

    def listen(self) -> bytes | None:
        """Wait, in IDLE, for a line of the client; None when somebody has woken us. Raises Stopping when the server stops."""
        with self._patience():
            self.stream.timeout = self._limits.idle_in_idle
            self.stream.rest()
            try:
                return self.stream.read_command(self._limits.line)
            except Woken:
                return None

    def wake(self) -> None:
        """From another greenlet: end the wait for a line."""
        self.stream.wake()

    def start_tls(self) -> TlsDetails:
        """Handshake. Raises HandshakeFailed."""
        self.flush()
        try:
            return self.stream.start_tls(self._tls.context(), server_side=True, timeout=self._limits.handshake)
        except TimedOut as error:
            raise HandshakeFailed("the client did not finish the TLS handshake in time") from error

    def compress(self) -> None:
        """Compress from here on."""
        self.flush()
        self.stream.compress()

    def binding(self) -> dict[str, bytes]:
        """Type and data of the channel binding; {} without TLS."""
        binding = self.stream.channel_binding()
        return dict([binding]) if binding else {}

    # --- time

    def work(self, call: Callable[..., T], *arguments: object) -> T:
        """Do it, in the time that our work may take. Raises TooSlow; what is under way in the store may still come to its end."""
        self._working = True
        self._timer.start(self._greenlet.throw, TooSlow)
        try:
            return call(*arguments)
        finally:
            self._working = False
            self._timer.stop()

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Waiting for the client is not our work; ``timeout`` and ``deadline`` of the stream bound it."""
        self._timer.stop()
        try:
            yield
        finally:
            if self._working:
                self._timer.start(self._greenlet.throw, TooSlow)


def _nothing() -> None:
    """Nobody is to be told that we were woken."""
