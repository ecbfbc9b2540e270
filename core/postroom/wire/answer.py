"""What a session answers to a command, and what the dialogue must do next."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ..mail.client import TlsDetails


class Then(IntEnum):
    """What comes after the answer has been sent."""

    READ_LINE = 1  # the next command line goes to session.handle()
    READ_RESPONSE = 2  # one line that is no command (a SASL response) goes to session.respond()
    READ_MESSAGE = 3  # dot-stuffed text up to CRLF.CRLF goes into answer.sink, then session.received()
    READ_CHUNK = 4  # answer.size raw bytes go into answer.sink, then session.received()
    START_TLS = 5  # flush, drop what is buffered, handshake, then session.tls_started()
    CLOSE = 6  # flush and close


class Sink(Protocol):
    """Takes a message as it arrives. It keeps expected faults (store full) to itself, for ``session.received``."""

    def write(self, data: bytes, /) -> object:
        """Take the next piece."""


class Answer(NamedTuple):
    """One answer; immutable, so that those without variable text are module constants."""

    send: bytes | Iterator[bytes]  # with CRLF; an iterator is sent piece by piece, in bounded memory
    then: Then = Then.READ_LINE
    error: bool = False  # counts against the session: growing delay, and the end when the budget is spent
    sink: Sink | None = None  # READ_MESSAGE, READ_CHUNK; None reads and throws away
    size: int = 0  # READ_CHUNK: bytes to read. READ_MESSAGE: most bytes that sink gets, 0 = Limits.message
    achieved: bool = False  # what the session is for (a message was taken): errors before it are forgiven


class Session(Protocol):
    """One client's state, as ``dialogue.hold`` drives it. It imports no socket, no clock and no gevent."""

    def greet(self) -> Answer:
        """The greeting; CLOSE refuses the client. After ``START_TLS`` there is no second greeting."""

    def handle(self, line: bytes, /) -> Answer:
        """Answer one command line (without CRLF; never holds CR or LF)."""

    def respond(self, line: bytes, /) -> Answer:
        """Answer the line that READ_RESPONSE asked for."""

    def received(self, fault: str | None, size: int, /) -> Answer:
        """The message or chunk is over: ``size`` bytes came (decoded), all in the sink unless ``fault`` is set.

        Faults: "bare-lf", "bare-cr", "nul" (RFC 5321 2.3.8; the sink was cut off, nothing may be kept), "too-big" (the
        sink got no more than the limit), None. A chunk has no faults: its bytes are not looked at.
        """

    def tls_started(self, details: TlsDetails, binding: tuple[str, bytes] | None, /) -> None:
        """TLS is on: forget all that the client said before (RFC 3207 4.2). ``binding``: see Stream.channel_binding."""

    def unreadable(self, fault: str, /) -> Answer:
        """A line could not be read: "too-long" (it is skipped), "bare-newline" (CR or LF alone; skipped through CRLF)."""

    def too_slow(self) -> Answer:
        """Work on the last command or message passed ``Limits.work``: a temporary refusal (451); may go on or CLOSE."""

    def too_many_errors(self) -> bytes:
        """Last words: the error budget is spent."""

    def timed_out(self) -> bytes:
        """Last words: the client was silent too long, or the session's whole time is over."""

    def shutting_down(self) -> bytes:
        """Last words: this server stops."""

    def broken(self) -> bytes:
        """Last words: our bug."""
