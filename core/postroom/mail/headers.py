"""Header fields of a message as bytes: where the header ends, which fields it has, and what they say in plain text."""

from __future__ import annotations

import binascii
import codecs
import re
from functools import lru_cache

MAX_FIELDS = 10_000  # a header with more is an attack; the rest is not looked at

# Possessive, so that each byte is looked at a bounded number of times. Bare LF is tolerated: stored mail may be older than our rules.
_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:(.*+(?:\n[ \t].*+)*+)", re.MULTILINE)
_FOLD = re.compile(rb"\r?\n[ \t]+")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\s]{0,2000})\?=")
_QUOTED = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"})  # Python codecs that no mail means


def end_of(data: bytes) -> int:
    """The length of the header in ``data``, the line end of its last field included; all of it when no empty line is there."""
    if data.startswith((b"\r\n", b"\n")):
        return 0
    strict = data.find(b"\r\n\r\n")
    loose = data.find(b"\n\n", 0, strict if strict >= 0 else len(data))
    if loose >= 0:
        return loose + 1
    return strict + 2 if strict >= 0 else len(data)


def fields(header: bytes) -> list[tuple[str, bytes]]:
    """``(name as written, unfolded value)`` of each field in order. Lines that are no field are left out."""
    found: list[tuple[str, bytes]] = []
    for match in _FIELD.finditer(header):
        found.append((match[1].decode("ascii"), unfold(match[2])))
        if len(found) == MAX_FIELDS:
            break
    return found


def unfold(value: bytes) -> bytes:
    """The value on one line (RFC 5322 2.2.3), without white space around it."""
    return _FOLD.sub(b" ", value).strip() if b"\n" in value else value.strip()


@lru_cache(maxsize=256)
def _counter(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"^" + re.escape(name.encode()) + rb"[ \t]*+:", re.MULTILINE | re.IGNORECASE)


def count(header: bytes, name: str) -> int:
    """How many fields of this name the header has, without parsing it."""
    return len(_counter(name).findall(header))


def decode(value: bytes) -> str:
    """A field's value as text: UTF-8 (RFC 6532), else Latin-1, with encoded words (RFC 2047) decoded. Never raises."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return _decode_words(text) if "=?" in text else text


def _decode_words(text: str) -> str:
    parts: list[str] = []
    pending, charset = b"", ""  # neighbours of one charset are joined first: a character may be split between two words
    position = 0
    for match in _WORD.finditer(text):
        between = text[position : match.start()]
        if between.strip() or not position:  # RFC 2047 6.2: white space between encoded words is not shown
            parts += [_text(pending, charset), between]
            pending = b""
        data = _word_bytes(match[2], match[3])
        this = match[1].partition("*")[0].lower()  # RFC 2231 5: "charset*language"
        if pending and this != charset:
            parts.append(_text(pending, charset))
            pending = b""
        pending, charset, position = pending + data, this, match.end()
    return "".join([*parts, _text(pending, charset), text[position:]])


def _word_bytes(encoding: str, payload: str) -> bytes:
    data = payload.encode("utf-8")
    if encoding in "qQ":
        return _QUOTED.sub(lambda match: bytes((int(match[1], 16),)), data.replace(b"_", b" "))
    try:
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return data


def _text(data: bytes, charset: str) -> str:
    if not data:
        return ""
    try:
        known = codecs.lookup(charset).name
        return data.decode("latin-1" if known in _NOT_CHARSETS else known, "replace")
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return data.decode("latin-1")
