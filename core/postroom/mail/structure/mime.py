"""What the header of a body part says of it (RFC 2045, RFC 2183, RFC 3282, RFC 2557), read as far as it can be read."""

from __future__ import annotations

import re

from . import fields
from .parameters import TOKEN, parse, uncommented
from .part import Parameters, Part

MAX_LANGUAGES = 100

_TYPE = re.compile(rb"\s*+(%s++)\s*+(?:(/)\s*+(%s++)\s*+)?(?=;|$)" % (TOKEN, TOKEN))
_WORD = re.compile(rb"\s*+(%s*+)" % TOKEN)
_ENCODING = re.compile(rb"\s*+(%s++)\s*+$" % TOKEN)
_LANGUAGE = re.compile(rb"[A-Za-z0-9-]++")


def describe(header: bytes, *, digest: bool = False) -> Part:
    """A part with what its header says; offsets are left to the caller. ``digest``: it is in a multipart/digest (RFC 2046 5.1.5)."""
    part = Part(b"message", b"rfc822") if digest else Part()
    found = fields.content(header)
    if not found:
        return part
    if b"type" in found:
        part.type, part.subtype, part.params = content_type(found[b"type"])
    if b"disposition" in found:
        part.disposition, part.disposition_params = _disposition(found[b"disposition"])
    if b"transfer-encoding" in found:
        part.encoding = _encoding(found[b"transfer-encoding"])
    if b"language" in found:
        part.language = tuple(_LANGUAGE.findall(uncommented(found[b"language"]))[:MAX_LANGUAGES])
    part.id = _text(found.get(b"id"))
    part.description = _text(found.get(b"description"))
    part.location = _text(found.get(b"location"))
    part.md5 = _text(found.get(b"md5"))
    return part


def content_type(value: bytes) -> tuple[bytes, bytes, Parameters]:
    """Type, subtype and parameters; a type alone has the subtype "", and of what is no type at all nothing is kept."""
    value = uncommented(fields.unfold(value))
    match = _TYPE.match(value)
    if match is None:
        return b"", b"", ()
    if not match[2]:
        return match[1], b"", ()
    return match[1], match[3], parse(value[match.end() :])


def _disposition(value: bytes) -> tuple[bytes, Parameters]:
    value = uncommented(fields.unfold(value))
    match = _WORD.match(value)
    assert match is not None  # it matches the empty word
    rest = value[match.end() :]
    semicolon = rest.find(b";")
    return match[1], parse(rest[semicolon:]) if semicolon >= 0 else ()


def _encoding(value: bytes) -> bytes | None:
    match = _ENCODING.match(uncommented(fields.unfold(value)))
    return match[1] if match else None


def _text(value: bytes | None) -> bytes | None:
    return None if value is None else fields.on_one_line(value)
