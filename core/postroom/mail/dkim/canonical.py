"""Canonical forms of header fields (RFC 6376 sections 3.4.1 and 3.4.2), and which fields of a message a signature means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from ..message import Message

Form = Literal["simple", "relaxed"]

_LINE = re.compile(rb"\r?\n(?=[^ \t])")  # where a field ends: the next line does not go on with white space
_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
_BARE = re.compile(rb"(?<!\r)\n")
_WSP = re.compile(rb"[ \t]+")
_B_VALUE = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


class Field(NamedTuple):
    """One header field as it is in the message."""

    name: bytes  # in lower case; "" for a line that is no field
    raw: bytes  # without the line end at its end

    @property
    def value(self) -> bytes:
        """What stands behind the colon, as written."""
        return self.raw.partition(b":")[2]


def fields(message: Message) -> list[Field]:
    """All header fields of a message in order."""
    header = message.head[: message.header_size]
    return [_field(piece) for piece in _LINE.split(header.removesuffix(b"\n").removesuffix(b"\r")) if piece]


def field(line: bytes) -> Field:
    """A field of a header line as a signer makes it, without the line end at its end."""
    return _field(line)


def _field(piece: bytes) -> Field:
    match = _NAME.match(piece)
    return Field(match[1].lower() if match else b"", piece)


def simple(one: Field) -> bytes:
    """The field as it is (RFC 6376 section 3.4.1), ended by CRLF; a bare LF in it is one, as on the wire."""
    return _BARE.sub(b"\r\n", one.raw) + b"\r\n"


def relaxed(one: Field) -> bytes:
    """Name in lower case, unfolded, one space for each run of white space, none at the ends (RFC 6376 section 3.4.2)."""
    value = one.value.replace(b"\r\n", b"").replace(b"\n", b"")
    return one.name + b":" + _WSP.sub(b" ", value).strip(b" ") + b"\r\n"


HEADER_FORMS: dict[str, Callable[[Field], bytes]] = {"simple": simple, "relaxed": relaxed}


def chosen(found: Iterable[Field], names: Iterable[bytes]) -> list[Field]:
    """The fields that ``h=`` names: each further mention of a name is the next one up; what is not there is nothing (section 5.4.2)."""
    by_name: dict[bytes, list[Field]] = {}
    for one in found:
        by_name.setdefault(one.name, []).append(one)
    picked: list[Field] = []
    for name in names:
        there = by_name.get(name.lower())
        if there:
            picked.append(there.pop())
    return picked


def unsigned(one: Field) -> Field:
    """A signature's field with the value of ``b=`` and all white space around it taken out (RFC 6376 section 3.7)."""
    name, colon, value = one.raw.partition(b":")
    return Field(one.name, name + colon + _B_VALUE.sub(rb"\1", value, count=1))


def signed_bytes(found: Iterable[Field], names: Iterable[bytes], signature: Field, form: str) -> bytes:
    """What the signature itself is made over: the chosen fields, then its own field without the line end (section 3.7)."""
    canonical = HEADER_FORMS[form]
    return b"".join(map(canonical, chosen(found, names))) + canonical(unsigned(signature)).removesuffix(b"\r\n")
