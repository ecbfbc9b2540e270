"""Tag lists (RFC 6376 section 3.2): ``name=value; name=value``, as in signatures and key records."""

from __future__ import annotations

import binascii
import re

MAX_TAGS = 50
MAX_BYTES = 16 * 1024  # of a whole list: no signature or key of use is longer

_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_VALUE = re.compile(rb"[\x21-\x3a\x3c-\x7e\x80-\xff]*(?:[ \t\r\n]+[\x21-\x3a\x3c-\x7e\x80-\xff]+)*")  # tag-value; 8-bit: RFC 8616
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_SPACE = b" \t\r\n"


class BadTags(ValueError):
    """Not a tag list, or not one that we read; the text says why."""


def parse(text: bytes) -> dict[bytes, bytes]:
    """The tags by name, values without white space around them. Raises BadTags: a tag twice makes the list invalid."""
    if len(text) > MAX_BYTES:
        raise BadTags("the tag list is too long")
    specs = text.split(b";")
    if not specs[-1].strip(_SPACE):
        specs.pop()  # the list may end in a semicolon
    if len(specs) > MAX_TAGS:
        raise BadTags("the tag list has too many tags")
    found: dict[bytes, bytes] = {}
    for spec in specs:
        name, equals, value = spec.partition(b"=")
        name, value = name.strip(_SPACE), value.strip(_SPACE)
        if not equals or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadTags("the tag list has a part that is no tag")
        if name in found:
            raise BadTags(f"the tag {name.decode()} is there twice")
        found[name] = value
    return found


def without_space(value: bytes) -> bytes:
    """The value without any white space in it, as for base64 (RFC 6376 section 3.5)."""
    return value.translate(None, _SPACE)


def base64(value: bytes) -> bytes:
    """The bytes of a base64 value with folding white space in it. Raises BadTags."""
    plain = without_space(value)
    if not _BASE64.fullmatch(plain) or len(plain) % 4:
        raise BadTags("a value is not base64")
    return binascii.a2b_base64(plain)


def colon_list(value: bytes) -> tuple[bytes, ...]:
    """The items of a list with colons, without white space around each."""
    return tuple(item.strip(_SPACE) for item in value.split(b":"))


def number(value: bytes) -> int:
    """An unsigned number of at most 12 digits (RFC 6376 section 3.5, t= and x=). Raises BadTags."""
    if not value.isdigit() or len(value) > 12:
        raise BadTags("a value is not a number")
    return int(value)
