"""Strings as IMAP writes them (RFC 3501 4.3): quoted where that is allowed, else as a literal, NIL for what is not there."""

from __future__ import annotations

import re

MAX_QUOTED = 4096  # longer strings become literals: clients read those into buffers that grow

_PLAIN = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]*+")
_ESCAPE = re.compile(rb'(["\\])')


def string(value: bytes, *, utf8: bool = False) -> bytes:
    """The value as a string. ``utf8``: UTF-8 may stand in quotes (RFC 6855 3, RFC 9051 4.3)."""
    if len(value) <= MAX_QUOTED:
        if _PLAIN.fullmatch(value):
            return b'"%s"' % value
        if _quotable(value, utf8):
            return b'"%s"' % _ESCAPE.sub(rb"\\\1", value)
    if b"\0" in value:
        value = value.replace(b"\0", b"\xef\xbf\xbd")  # no literal may hold a NUL (RFC 3501 9): the replacement character
    return b"{%d}\r\n%s" % (len(value), value)


def nstring(value: bytes | None, *, utf8: bool = False) -> bytes:
    """The value as a string, NIL for None."""
    return b"NIL" if value is None else string(value, utf8=utf8)


def _quotable(value: bytes, utf8: bool) -> bool:
    if b"\r" in value or b"\n" in value or b"\0" in value:
        return False
    if value.isascii():
        return True
    return utf8 and _valid(value)


def _valid(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
