"""Fields of a header by name: for structure, for ENVELOPE, and those that BODY[HEADER.FIELDS (…)] asks for."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_CONTENT = 100  # different Content-… fields
MAX_FIELDS = 10_000  # a header with more is an attack; the rest is not looked at

# Line by line from the start: faster than a search, and each byte is looked at once. Bare LF ends a line too: mail may be old.
_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:(.*+(?:\n[ \t].*+)*+)\n?+|.*+\n?+")
_CONTENT = re.compile(rb"content-([a-z0-9-]++)[ \t]*+:(.*+(?:\n[ \t].*+)*+)", re.IGNORECASE)
_FOLD = re.compile(rb"\r*\n(?=[ \t])")
_FOLDED_SPACE = re.compile(rb"[ \t]*+\r*\n[ \t\r\n]*+")


def collect(header: bytes) -> dict[bytes, list[bytes]]:
    """The values of all fields as written, folds included, by their names in lower case."""
    found: dict[bytes, list[bytes]] = {}
    for number, match in enumerate(_FIELD.finditer(header)):
        name = match[1]
        if name is not None:
            found.setdefault(name.lower(), []).append(match[2])
        if number > MAX_FIELDS:
            break
    return found


def content(header: bytes) -> dict[bytes, bytes]:
    """The first value of each Content-… field as written, by the rest of its name in lower case."""
    found: dict[bytes, bytes] = {}
    lowered = header.lower()
    position = 0 if lowered.startswith(b"content-") else lowered.find(b"\ncontent-") + 1 or len(lowered)
    while position < len(lowered) and len(found) < MAX_CONTENT:
        match = _CONTENT.match(header, position)
        if match is not None:
            found.setdefault(match[1].lower(), match[2])
        position = lowered.find(b"\ncontent-", match.end() if match else position) + 1 or len(lowered)
    return found


def body_start(data: bytes) -> int:
    """Where the body begins: behind the first empty line; -1 when there is none in ``data``."""
    if data.startswith((b"\r\n", b"\n")):
        return 2 if data[0] == 0x0D else 1
    strict = data.find(b"\n\r\n")
    loose = data.find(b"\n\n", 0, strict + 1 if strict >= 0 else len(data))
    if loose >= 0:
        return loose + 2
    return strict + 3 if strict >= 0 else -1


def unfold(value: bytes) -> bytes:
    """The value without its line ends (RFC 5322 2.2.3); white space stays as it is, but for that around the value."""
    return (_FOLD.sub(b"", value) if b"\n" in value else value).strip()


def on_one_line(value: bytes) -> bytes:
    """The value with each fold as one space, and without white space around it."""
    return (_FOLDED_SPACE.sub(b" ", value) if b"\n" in value else value).strip()


def header_fields(header: bytes, names: frozenset[bytes], *, exclude: bool = False) -> bytes:
    """The fields of these names (lower case), or all but these, as written and in their order, and an empty line (RFC 3501 6.4.5)."""
    found = b"".join(_lines(names, exclude).findall(header))
    if found and not found.endswith(b"\n"):
        found += b"\r\n"
    return found + b"\r\n"


@lru_cache(maxsize=512)
def _lines(names: frozenset[bytes], exclude: bool) -> re.Pattern[bytes]:
    """A pattern whose matches cover the header; its group holds what is wanted and is empty for the rest."""
    wanted = rb"(?:%s)[ \t]*+:" % b"|".join(re.escape(name) for name in sorted(names)) if names else rb"(?!)"
    whole = rb".*+(?:\n[ \t].*+)*+\n?+"
    if exclude:
        return re.compile(rb"(?:%s%s|\r?\n|[ \t].*+\n?+|(%s))" % (wanted, whole, whole), re.IGNORECASE)
    return re.compile(rb"(?:(%s%s)|%s)" % (wanted, whole, whole), re.IGNORECASE)
