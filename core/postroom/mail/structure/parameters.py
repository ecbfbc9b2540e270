"""Parameters of structured MIME fields (RFC 2045 5.1), with their continuations and character sets (RFC 2231).

Written for broken mail: what cannot be read ends at the next semicolon. Each byte is looked at a bounded number of times.
"""

from __future__ import annotations

import re

from .part import Parameters

MAX_PARAMETERS = 200  # of one field; the rest is not looked at

TOKEN = rb"[^\x00-\x20()<>@,;:\\\"/\[\]?=\x7f]"  # RFC 2045 5.1, and 8-bit characters
_VALUE_TOKEN = rb"[^\x00-\x20()<>@,;:\\\"/\[\]?\x7f]"
_PARAMETER = re.compile(rb'[\s;]*+(%s*+)\s*+(?:(=)\s*+(?:"((?:[^"\\]|\\.)*+)"|((?:%s)*+)))?[^;]*+' % (TOKEN, _VALUE_TOKEN), re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT_MARK = re.compile(rb'[()\\"]')
_PIECE = re.compile(rb"([^*]++)(?:\*(\d{1,4}))?+(\*)?")  # RFC 2231 3 and 4: name*0*
_RESERVED = re.compile(rb"[^\x21\x23\x24\x26\x2b-\x7e]")  # what is written as %XX when a plain piece joins an extended one


def unescaped(quoted: bytes) -> bytes:
    """The meaning of what stands between quotes."""
    return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted


def uncommented(value: bytes) -> bytes:
    """The value without comments (RFC 5322 3.2.2), each of which may hold others; one that is not closed reaches to the end."""
    if b"(" not in value:
        return value
    kept: list[bytes] = []
    depth = start = position = 0
    while mark := _COMMENT_MARK.search(value, position):
        position = mark.end()
        if mark[0] == b"\\":
            position += 1
        elif mark[0] == b'"' and not depth:
            position = _end_of_quotes(value, position)
        elif mark[0] == b"(":
            if not depth:
                kept.append(value[start : mark.start()])
            depth += 1
        elif mark[0] == b")" and depth:
            depth -= 1
            start = position if not depth else start
    if not depth:
        kept.append(value[start:])
    return b" ".join(kept)


def _end_of_quotes(value: bytes, position: int) -> int:
    while position < len(value) and value[position] != 0x22:
        position += 2 if value[position] == 0x5C else 1
    return position + 1


def parse(text: bytes) -> Parameters:
    """The parameters in a text without comments, from the semicolon before the first."""
    found: list[tuple[bytes, bytes]] = []
    position = 0
    while position < len(text) and len(found) < MAX_PARAMETERS:
        match = _PARAMETER.match(text, position)
        if match is None or match.end() == position:
            break
        position = match.end()
        name, equals, quoted, plain = match.groups()
        if equals and (quoted is not None or not text.startswith(b'"', match.end(2))):
            found.append((name, unescaped(quoted) if quoted is not None else plain))
    return _joined(found) if b"*" in text else tuple(found)


def _joined(found: list[tuple[bytes, bytes]]) -> Parameters:
    """Pieces put together: ``name`` when all are plain, ``name*`` with the value still encoded when one is extended."""
    plain: list[tuple[bytes, bytes]] = []
    pieces: dict[bytes, list[tuple[int, bool, bytes, bytes]]] = {}
    for name, value in found:
        match = _PIECE.fullmatch(name)
        if match is None or b"*" not in name:
            plain.append((name, value))
        else:
            pieces.setdefault(match[1].lower(), []).append((int(match[2] or 0), match[3] is not None, name, value))
    for group in pieces.values():
        plain += _group(sorted(group, key=lambda piece: piece[0]))
    return tuple(plain)


def _group(pieces: list[tuple[int, bool, bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    if [piece[0] for piece in pieces] != list(range(len(pieces))):
        return [(name, value) for _, _, name, value in pieces]  # with gaps or doubles it means nothing: shown as written
    base = pieces[0][2].partition(b"*")[0]
    if not any(extended for _, extended, _, _ in pieces):
        return [(base, b"".join(value for _, _, _, value in pieces))]
    prefix = b"" if pieces[0][1] else b"''"
    return [(base + b"*", prefix + b"".join(value if extended else _escape(value) for _, extended, _, value in pieces))]


def _escape(value: bytes) -> bytes:
    return _RESERVED.sub(lambda match: b"%%%02X" % match[0][0], value)
