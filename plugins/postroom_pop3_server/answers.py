"""POP3 answers in their wire form (RFC 1939 section 3, response codes of RFC 2449 and RFC 3206)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postroom.wire.answer import Answer, Then

PIECE = 16_384  # characters of a long listing that are sent together


def ok(text: str = "", then: Then = Then.READ_LINE) -> Answer:
    """A positive answer."""
    return Answer(f"+OK {text}".rstrip().encode("utf-8", "replace") + b"\r\n", then)


def err(text: str, then: Then = Then.READ_LINE) -> Answer:
    """A negative answer; it counts against the session."""
    return Answer(refusal(text), then, error=True)


def refusal(text: str) -> bytes:
    """A negative answer as it is sent: on one line, whatever a plugin has written."""
    return f"-ERR {' '.join(text.split())}\r\n".encode("utf-8", "replace")


def listing(first: str, lines: Iterable[str]) -> Answer:
    """A multi-line answer, sent in pieces of some kilobytes."""
    return Answer(_pieces(first, lines))


def _pieces(first: str, lines: Iterable[str]) -> Iterator[bytes]:
    gathered, size = [f"+OK {first}\r\n"], 0
    for line in lines:
        gathered.append(line + "\r\n")
        size += len(line)
        if size > PIECE:
            yield "".join(gathered).encode()
            gathered, size = [], 0
    gathered.append(".\r\n")
    yield "".join(gathered).encode()


UNAVAILABLE = err("[SYS/TEMP] The mail store is not available, try again later")
LOGIN_FAILED = "[AUTH] Login failed"
NEEDS_ENCRYPTION = err("[AUTH] encryption is required for plain passwords, use STLS")
NOT_BASE64 = err("AUTH: the response is not base64")
