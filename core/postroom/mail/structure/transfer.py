"""Content-Transfer-Encodings (RFC 2045 6) undone piece by piece, as far as broken ones can be; never raises."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Iterator

from .part import Part

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_TRAILING_SPACE = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")  # RFC 2045 6.7 (3): added on the way, to be removed
_MAX_LINE = 64 * 1024  # a quoted-printable line that does not end is decoded in such pieces

Reader = Callable[[int, int], bytes]  # start and length, in bytes of the whole message; fewer bytes where the message ends
READ = 64 * 1024

KNOWN = frozenset({b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable"})


def known(part: Part) -> bool:
    """True when the body can be decoded; else BINARY has to answer UNKNOWN-CTE (RFC 3516 4.3)."""
    return part.encoding is None or part.encoding.lower() in KNOWN


def raw(part: Part, read: Reader, limit: int | None = None) -> Iterator[bytes]:
    """The body as stored, in pieces; ``limit``: not more bytes than that."""
    end = part.end if limit is None else min(part.end, part.body_start + limit)
    for start in range(part.body_start, end, READ):
        piece = read(start, min(READ, end - start))
        if not piece:
            return
        yield piece


def decoded(part: Part, read: Reader, limit: int | None = None) -> Iterator[bytes]:
    """The body without its transfer encoding, in pieces; ``limit``: at most so many bytes of the encoded body are looked at."""
    encoding = (part.encoding or b"").lower()
    pieces = raw(part, read, limit)
    if encoding == b"base64":
        return _base64(pieces)
    return _quoted_printable(pieces) if encoding == b"quoted-printable" else pieces


def _base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pending = b""
    for piece in pieces:
        pending += piece.translate(None, _NOT_BASE64)
        *runs, pending = pending.split(b"=")  # what was encoded in several runs is decoded run by run
        yield b"".join(map(_quads, runs))
        whole = len(pending) & ~3
        yield _quads(pending[:whole])
        pending = pending[whole:]
    yield _quads(pending)


def _quads(text: bytes) -> bytes:
    if len(text) % 4 == 1:
        text = text[:-1]  # six bits are no byte
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4))


def _quoted_printable(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pending = b""
    for piece in pieces:
        pending += piece
        cut = pending.rfind(b"\n") + 1
        if not cut and len(pending) > _MAX_LINE:
            cut = len(pending) - 3  # "=XX" is not torn apart
            equals = pending.rfind(b"=", cut - 3, cut)
            cut = equals if equals >= 0 else cut
        yield binascii.a2b_qp(_TRAILING_SPACE.sub(b"", pending[:cut]))
        pending = pending[cut:]
    yield binascii.a2b_qp(pending.rstrip(b" \t"))
