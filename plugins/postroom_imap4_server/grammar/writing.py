"""Encodes what the server says: strings, mailbox names, flags, dates, number sets (RFC 9051 section 9)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from . import names

ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
SAFE = re.compile(rb"[^\x00\r\n\x7f-\xff]{0,1000}")  # what a quoted string may hold (long ones travel better as literals)
SPECIALS = re.compile(rb'(["\\])')
SYSTEM_FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")  # bit 0 to 4 of a message's flags
FLAG_WORDS = tuple(" ".join(name for bit, name in enumerate(SYSTEM_FLAGS) if bits >> bit & 1) for bits in range(32))
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def quoted(data: bytes) -> bytes:
    """A quoted string; the caller knows that it may be one."""
    return b'"%s"' % SPECIALS.sub(rb"\\\1", data)


def string(data: bytes) -> bytes:
    """A quoted string where it may be one, else a literal."""
    return quoted(data) if SAFE.fullmatch(data) else literal(data)


def nstring(data: bytes | None) -> bytes:
    """A string, NIL for None."""
    return b"NIL" if data is None else string(data)


def astring(data: bytes) -> bytes:
    """An atom where it may be one (NIL may not), else a string."""
    return data if ATOM.fullmatch(data) and data.upper() != b"NIL" else string(data)


def literal(data: bytes) -> bytes:
    """A literal."""
    return b"{%d}\r\n%s" % (len(data), data)


def literal8(data: bytes) -> bytes:
    """A literal that may hold NUL (RFC 3516)."""
    return b"~{%d}\r\n%s" % (len(data), data)


def text(value: str, *, utf8: bool = True) -> bytes:
    """A string of text: quoted UTF-8 where the client takes that, else a literal."""
    data = value.encode("utf-8", "replace")
    return quoted(data) if utf8 and not data.isascii() and not re.search(rb"[\x00\r\n]", data) else string(data)


def mailbox(path: str, *, utf8: bool) -> bytes:
    """A mailbox name, always quoted or a literal: as UTF-8 where that is enabled, else in modified UTF-7."""
    data = names.encode(path, utf8=utf8)
    return quoted(data) if utf8 and not re.search(rb"[\x00\r\n]", data) else string(data)


def flags(bits: int, keywords: str = "", *, recent: bool = False) -> str:
    """The inside of a flag list; ``keywords`` are separated by spaces already."""
    words = FLAG_WORDS[bits]
    if keywords:
        words = f"{words} {keywords}" if words else keywords
    if recent:
        words = f"{words} \\Recent" if words else "\\Recent"
    return words


def date_time(milliseconds: int) -> str:
    """INTERNALDATE: ``17-Jul-1996 02:44:25 +0000`` (without the quotes; UTC)."""
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{at.day:2}-{MONTHS[at.month - 1]}-{at.year:04} {at.hour:02}:{at.minute:02}:{at.second:02} +0000"


def number_set(numbers: Iterable[int]) -> str:
    """Ascending numbers as a set: ``1:3,7``; "" for none."""
    parts: list[str] = []
    first = last = 0
    for number in numbers:
        if number == last + 1 and first:
            last = number
            continue
        if first:
            parts.append(f"{first}:{last}" if last > first else str(first))
        first = last = number
    if first:
        parts.append(f"{first}:{last}" if last > first else str(first))
    return ",".join(parts)


def ranges_set(ranges: Iterable[tuple[int, int]]) -> str:
    """Ranges (inclusive) as a set: ``1:3,7``."""
    return ",".join(f"{low}:{high}" if high > low else str(low) for low, high in ranges)
