"""The Received header of an accepted message (RFC 5321 section 4.4) and the dates in it."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from postroom.mail.address import BadAddress, domain_to_ascii, split
from postroom.mail.client import Client

UNSAFE = re.compile(r"[^A-Za-z0-9.:_\[\]-]")  # in a HELO name: what could end the clause or open a comment


def protocol(*, esmtp: bool, tls: bool, auth: bool, utf8: bool) -> str:
    """The word after "with" (RFC 3848, and RFC 6531 section 4.3 for SMTPUTF8)."""
    if not (esmtp or utf8):
        return "SMTP"
    return ("UTF8SMTP" if utf8 else "ESMTP") + ("S" if tls else "") + ("A" if auth else "")


def opening(client: Client, hostname: str, *, esmtp: bool, utf8: bool) -> bytes:
    """The part of the header that all messages of a session share, up to and including "id "."""
    source = UNSAFE.sub("?", client.helo) or "unknown"
    word = protocol(esmtp=esmtp, tls=client.tls is not None, auth=client.user is not None, utf8=utf8)
    secured = f" ({client.tls.version} {client.tls.cipher} {client.tls.bits} bits)" if client.tls else ""
    text = f"Received: from {source}{_literal(client.address)}\r\n\tby {hostname} (Postroom) with {word}{secured}\r\n\tid "
    return text.encode("ascii", "replace")


def closing(recipient: str, epoch: float) -> bytes:
    """The rest of the header. ``recipient``: the only one, else "" (naming one of several would betray a Bcc)."""
    whom = f" for <{_plain(recipient)}>".encode() if recipient else b""
    return whom + b";\r\n\t" + date(int(epoch)) + b"\r\n"


def _plain(address: str) -> str:
    """The address in ASCII where that is possible: this line alone must not keep a message from servers without SMTPUTF8."""
    local, domain = split(address)
    if address.isascii() or not local.isascii():
        return address
    with suppress(BadAddress):
        return f"{local}@{domain_to_ascii(domain)}"
    return address


@lru_cache(maxsize=8)
def date(epoch: int) -> bytes:
    """RFC 5322 section 3.3 date-time in the zone of this machine; messages of one second share it."""
    return format_datetime(datetime.fromtimestamp(epoch).astimezone()).encode("ascii")


def _literal(address: str) -> str:
    """The address that the client really has; a Unix socket has none."""
    if address == "unix" or not address:
        return ""
    return f" ([IPv6:{address}])" if ":" in address else f" ([{address}])"
