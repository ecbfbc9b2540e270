"""Headers of messages and parts as they are once the body is 7-bit."""

from __future__ import annotations

import re
from typing import NamedTuple

from .refusing import Unconvertible
from .values import ascii_value

ENCODING, TYPE, VERSION = b"content-transfer-encoding", b"content-type", b"mime-version"

_FIELD = re.compile(rb"([!-9;-~]++)([ \t]*+:)([^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z))")


class Change(NamedTuple):
    """What becomes of a header. 8-bit bytes become ASCII in any case."""

    encoding: bytes = b""  # the transfer encoding of the new body; "" leaves the field as it is
    top: bool = False  # it is that of a message: it must say that it is MIME
    charset: bytes = b""  # of text whose header says nothing of its type


def changed(header: bytes, change: Change) -> bytes:
    """The header, the empty line behind it included. Raises Unconvertible for one that is not made of fields."""
    blank = b"\r\n" if header == b"\r\n" or header.endswith(b"\r\n\r\n") else b""
    fields, seen = [], set()
    for name, colon, value in _fields(header[: len(header) - len(blank)]):
        lower = name.lower()
        if lower == ENCODING and change.encoding:
            if lower not in seen:
                fields.append(b"%b: %b\r\n" % (name, change.encoding))
        else:
            fields += (name, colon, value if value.isascii() else ascii_value(lower, value))
        seen.add(lower)
    if change.encoding:
        fields += _missing(seen, change)
    return b"".join(fields) + blank


def _fields(header: bytes) -> list[tuple[bytes, bytes, bytes]]:
    found, position = [], 0
    while position < len(header):
        match = _FIELD.match(header, position)
        if match is None:
            raise Unconvertible("a line of a header is no field")
        found.append((match[1], match[2], match[3]))
        position = match.end()
    return found


def _missing(seen: set[bytes], change: Change) -> list[bytes]:
    """Lines for what is not there (RFC 2045 sections 4 to 6)."""
    lines = []
    if change.top and VERSION not in seen:
        lines.append(b"MIME-Version: 1.0\r\n")
    if change.charset and TYPE not in seen:
        lines.append(b"Content-Type: text/plain; charset=%b\r\n" % change.charset)
    if ENCODING not in seen:
        lines.append(b"Content-Transfer-Encoding: %b\r\n" % change.encoding)
    return lines
