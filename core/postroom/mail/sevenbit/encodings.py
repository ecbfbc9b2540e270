"""Transfer encodings put on piece by piece (RFC 2045 section 6), and the repair of encoded bodies that hold 8-bit bytes all the same."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator

LINE = 57  # bytes that make a line of 76 characters in base64
QP_LINE = 76  # RFC 2045 section 6.7 (5)
LONGEST_QUOTED = 64 * 1024  # bytes of a line that is held in memory; bodies with longer ones are for base64

HIGH = bytes(range(128, 256))
MASK = bytes(octet if octet < 128 else ord("?") for octet in range(256))

_HIGH = re.compile(rb"[\x80-\xff]")
_UNITS = re.compile(rb"(?:=[0-9A-Fa-f]{2}|[^=]|=){1,25}", re.DOTALL)  # with the soft line break at most 76 characters


def quoted(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Text with CRLF in quoted-printable (RFC 2045 section 6.7). No line may be longer than LONGEST_QUOTED."""
    held = b""
    for piece in pieces:
        held += piece
        cut = held.rfind(b"\n") + 1
        if cut:
            yield _quoted(held[:cut])
            held = held[cut:]
    if held:
        yield _quoted(held + b"\r\n")[:-2]  # with a line end, for that tells how to break lines


def _quoted(lines: bytes) -> bytes:
    # A line that is broken in the middle must not begin like a boundary there: its first hyphen gets a line of its own
    return binascii.b2a_qp(lines, istext=True).replace(b"=\r\n--", b"=\r\n=2D=\r\n-")


def base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Bytes in base64, in lines of 76 characters; no line end behind the last."""
    held, between = b"", b""
    for piece in pieces:
        held += piece
        cut = len(held) // LINE * LINE
        if cut:
            yield between + _lines(held[:cut])
            held, between = held[cut:], b"\r\n"
    if held:
        yield between + _lines(held)


def _lines(data: bytes) -> bytes:
    text = binascii.b2a_base64(data, newline=False)
    return b"\r\n".join([text[start : start + 76] for start in range(0, len(text), 76)])


def requoted(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Quoted-printable text that has 8-bit bytes although it must not: they are encoded, what was encoded stays."""
    held = b""
    for piece in pieces:
        *lines, held = (held + piece).split(b"\n")
        yield b"".join(_requoted(line) + b"\n" for line in lines)
        if len(held) > LONGEST_QUOTED:
            yield _requoted(held)
            held = b""
    yield _requoted(held)


def _requoted(line: bytes) -> bytes:
    if line.isascii():
        return line
    body = line.removesuffix(b"\r")
    new = _HIGH.sub(lambda match: b"=%02X" % match[0][0], body)
    if len(new) > QP_LINE:
        new = b"=\r\n".join(_UNITS.findall(new))
    return new + line[len(body) :]


def stripped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Base64 without its 8-bit bytes: readers must pass over what is not of the alphabet (RFC 2045 section 6.8)."""
    return (piece.translate(None, HIGH) for piece in pieces)


def masked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Text that no reader shows (before the first and behind the last part, RFC 2046 section 5.1.1), with "?" for each 8-bit byte."""
    return (piece.translate(MASK) for piece in pieces)
