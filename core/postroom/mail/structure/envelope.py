"""ENVELOPE (RFC 3501 7.4.2, RFC 9051 7.5.2): what a mail client lists of a message, from its header."""

from __future__ import annotations

from . import fields
from .addresses import Address, parse
from .writing import nstring

ORIGINATORS = (b"from", b"sender", b"reply-to")
RECIPIENTS = (b"to", b"cc", b"bcc")


def envelope(header: bytes, *, utf8: bool = False) -> bytes:
    """The envelope of the message with this header. ``utf8``: UTF-8 may stand in quotes (UTF8=ACCEPT), else it is in literals."""
    found = fields.collect(header)
    addresses = {name: address_list(found.get(name), utf8=utf8) for name in ORIGINATORS + RECIPIENTS}
    origin = addresses[b"from"]
    written = [
        _text(found, b"date", utf8),
        _text(found, b"subject", utf8),
        *(addresses[name] if addresses[name] != b"NIL" else origin for name in ORIGINATORS),  # RFC 3501: these default to From
        *(addresses[name] for name in RECIPIENTS),
        _text(found, b"in-reply-to", utf8),
        _text(found, b"message-id", utf8),
    ]
    return b"(%s)" % b" ".join(written)


def addresses_of(values: list[bytes] | None) -> list[Address]:
    """The addresses of all fields of one name: several count as one, so that no reader sees another sender than the next one does."""
    if not values:
        return []
    return parse(b",".join(map(fields.on_one_line, values)) if len(values) > 1 else fields.on_one_line(values[0]))


def address_list(values: list[bytes] | None, *, utf8: bool = False) -> bytes:
    """The addresses of all fields of one name as ENVELOPE shows them, NIL when there are none."""
    found = addresses_of(values)
    return b"(%s)" % b"".join(_address(address, utf8) for address in found) if found else b"NIL"


def _address(address: Address, utf8: bool) -> bytes:
    name, route, mailbox, host = address
    return b"(%s %s %s %s)" % (
        nstring(name, utf8=utf8),
        nstring(route, utf8=utf8),
        nstring(mailbox, utf8=utf8),
        nstring(host, utf8=utf8),
    )


def _text(found: dict[bytes, list[bytes]], name: bytes, utf8: bool) -> bytes:
    values = found.get(name)
    return nstring(fields.on_one_line(values[-1]), utf8=utf8) if values else b"NIL"
