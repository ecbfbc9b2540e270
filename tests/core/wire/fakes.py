"""A session for the dialogue's and the listener's tests: answers each line by a table, and remembers what it was told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from postroom.mail.client import TlsDetails
from postroom.wire.answer import Answer, Then


class Text:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


@dataclass
class FakeSession:
    """``answers``: what each line is answered with, or what is called for the answer; other lines get 250."""

    answers: dict[bytes, Answer | Callable[[], Answer]] = field(default_factory=dict)
    heard: list[object] = field(default_factory=list)

    def greet(self) -> Answer:
        return Answer(b"220 hello\r\n")

    def handle(self, line: bytes) -> Answer:
        self.heard.append(line)
        answer = self.answers.get(line, Answer(b"250 ok\r\n"))
        return answer if isinstance(answer, Answer) else answer()

    def respond(self, line: bytes) -> Answer:
        self.heard.append(("response", line))
        return Answer(b"235 in\r\n")

    def received(self, fault: str | None, size: int) -> Answer:
        self.heard.append(("received", fault, size))
        return Answer(b"250 kept\r\n")

    def tls_started(self, details: TlsDetails, binding: tuple[str, bytes] | None) -> None:
        self.heard.append(("tls", details.version, binding))

    def unreadable(self, fault: str) -> Answer:
        return Answer(b"500 " + fault.encode() + b"\r\n", error=True)

    def too_slow(self) -> Answer:
        return Answer(b"451 slow\r\n")

    def too_many_errors(self) -> bytes:
        return b"421 errors\r\n"

    def timed_out(self) -> bytes:
        return b"421 timeout\r\n"

    def shutting_down(self) -> bytes:
        return b"421 stopping\r\n"

    def broken(self) -> bytes:
        return b"421 broken\r\n"


QUIT = Answer(b"221 bye\r\n", Then.CLOSE)
BAD = Answer(b"500 bad\r\n", error=True)
