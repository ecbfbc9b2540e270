"""Changing single fields of a header in place: where each one is, and lines of new ones that nothing can break out of."""

from __future__ import annotations

import re
from email.header import Header
from typing import NamedTuple

from .splicing import Edit

WIDTH = 76
LONGEST = 900  # characters of a value: with the name a line stays below 998 octets (RFC 5322 section 2.1.1)

_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)", re.MULTILINE)
_WORD = re.compile(r"[^ ]+ *")
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


class Place(NamedTuple):
    """Where a field is, its line end included. Offsets count from the first byte of the header."""

    name: str  # in lower case
    start: int
    end: int


def places(header: bytes) -> list[Place]:
    """Every field of a header in order."""
    return [Place(match[1].decode("ascii").lower(), match.start(), match.end()) for match in _FIELD.finditer(header)]


def safe(value: str) -> bool:
    """Whether a value can stand in a field: nothing in it ends the line."""
    return len(value) <= LONGEST and not _UNSAFE.search(value)


def line(name: str, value: str) -> bytes:
    """A whole field with its line end, folded; what is not ASCII is in encoded words (RFC 2047). Raises ValueError unless ``safe``."""
    if not safe(value):
        raise ValueError("the value has a line end or another control character, or is too long")
    if not value.isascii():
        return f"{name}: {encoded(value, len(name) + 2)}\r\n".encode("ascii")
    lines, current = [], f"{name}: "
    for word in _WORD.findall(value):
        if len(current) + len(word.rstrip()) > WIDTH and current.strip() not in {"", f"{name}:"}:
            lines.append(current.rstrip(" "))
            current = " "
        current += word
    return ("\r\n".join([*lines, current.rstrip(" ")]) + "\r\n").encode("ascii")


def encoded(value: str, used: int = 0) -> str:
    """Encoded words for a text, folded; ``used``: characters that stand before them on the line."""
    return Header(value, "utf-8", maxlinelen=WIDTH, header_name="x" * max(used - 2, 0)).encode(linesep="\r\n")


def replaced(header: bytes, name: str, value: str, offset: int = 0) -> list[Edit]:
    """The edits that leave one field of that name with this value: in the place of the first, or on top where there is none.

    ``offset``: where the header begins in the message.
    """
    there = [place for place in places(header) if place.name == name.lower()]
    new = line(name, value)
    if not there:
        return [Edit(offset, offset, new)]
    first, *others = there
    return [Edit(offset + first.start, offset + first.end, new), *(Edit(offset + one.start, offset + one.end, b"") for one in others)]
