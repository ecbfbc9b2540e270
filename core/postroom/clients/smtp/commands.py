"""Makes MAIL and RCPT commands with the parameters that the server offers and the message needs; no I/O."""

from __future__ import annotations

import re

from ...mail.address import BadAddress, domain_to_ascii, split
from ...mail.reply import Reply
from ...provided import Outgoing, QueuedRecipient
from .capabilities import Capabilities
from .content import Unsendable

# Nothing that could end the path or the line: quoted local parts may hold more, but no control character.
FORBIDDEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
PATH = re.compile(rf'(?:"(?:[^{FORBIDDEN}"\\]|\\[^{FORBIDDEN}])*"@)?[^{FORBIDDEN} <>"]+')
XTEXT = re.compile(r"[!-~]+")  # RFC 3461 section 4: printable ASCII without space
NOTIFY = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*")
ORCPT = re.compile(r"[A-Za-z0-9-]+;[!-~]+")
PATH_LIMIT = 1000  # octets; RFC 5321 4.5.3.1.3 asks for 256

BAD_SENDER = Reply(501, "5.1.7", "The sender's address cannot be sent in an SMTP command")
BAD_RECIPIENT = Reply(501, "5.1.3", "The recipient's address cannot be sent in an SMTP command")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "An internationalized address, and the next server does not take it (no SMTPUTF8)")
HEADER_NEEDS_SMTPUTF8 = Reply(554, "5.6.7", "An internationalized message header, and the next server does not take it (no SMTPUTF8)")
NEEDS_REQUIRETLS = Reply(550, "5.7.30", "The message demands REQUIRETLS, which the next server does not offer")
NEEDS_VERIFIED_TLS = Reply(550, "5.7.30", "The message demands REQUIRETLS, and the connection has no verified TLS")


def needs_smtputf8(outgoing: Outgoing) -> bool:
    """True when the message was declared internationalized, or one of its addresses is."""
    return outgoing.smtputf8 or not outgoing.mail_from.isascii() or not all(r.address.isascii() for r in outgoing.recipients)


def lacks_smtputf8(outgoing: Outgoing) -> Reply:
    """Why a message with an internationalized header cannot go: its own recipients are the better reason, where they are one."""
    local = (split(one.address)[0] for one in outgoing.recipients)
    return HEADER_NEEDS_SMTPUTF8 if all(part.isascii() for part in local) else NEEDS_SMTPUTF8


def check(outgoing: Outgoing, offered: Capabilities, *, verified: bool) -> None:
    """Raises Unsendable when the server cannot be given this message at all. ``verified``: over TLS with a checked certificate."""
    if 0 < offered.size_limit < outgoing.size:  # RFC 1870 section 6.1
        words = f"The message is {outgoing.size} bytes long and the next server takes {offered.size_limit} at most"
        raise Unsendable(Reply(552, "5.3.4", words))
    reply = unmet(outgoing, offered, verified=verified)
    if reply is not None:
        raise Unsendable(reply)


def unmet(outgoing: Outgoing, offered: Capabilities, *, verified: bool) -> Reply | None:
    """Why a message with REQUIRETLS cannot go over this connection (RFC 8689 section 4.2.1); None when it can."""
    if not outgoing.requiretls:
        return None
    if not verified:
        return NEEDS_VERIFIED_TLS
    return None if offered.requiretls else NEEDS_REQUIRETLS


def mail(outgoing: Outgoing, offered: Capabilities, body: str, *, utf8: bool) -> bytes:
    """The MAIL command with its CRLF. ``body``: the BODY parameter or ""; ``utf8``: SMTPUTF8 is used. Raises Unsendable."""
    sender = outgoing.mail_from
    line = b"MAIL FROM:<%b>" % path(sender, BAD_SENDER, utf8=utf8) if sender else b"MAIL FROM:<>"
    if offered.takes_size:
        line += b" SIZE=%d" % outgoing.size
    if body:
        line += b" BODY=%b" % body.encode("ascii")
    if utf8:
        line += b" SMTPUTF8"
    if outgoing.requiretls:
        line += b" REQUIRETLS"
    if offered.dsn and (outgoing.ret or outgoing.envid):
        line += _parameter(b" RET=", outgoing.ret, XTEXT) + _parameter(b" ENVID=", outgoing.envid, XTEXT)
    return line + b"\r\n"


def rcpt(recipient: QueuedRecipient, offered: Capabilities, *, utf8: bool) -> bytes:
    """The RCPT command with its CRLF. Raises Unsendable."""
    line = b"RCPT TO:<%b>" % path(recipient.address, BAD_RECIPIENT, utf8=utf8)
    if offered.dsn and (recipient.notify or recipient.orcpt):
        line += _parameter(b" NOTIFY=", recipient.notify, NOTIFY) + _parameter(b" ORCPT=", recipient.orcpt, ORCPT)
    return line + b"\r\n"


def path(address: str, bad: Reply, *, utf8: bool) -> bytes:
    """The address in the octets of a path. Without ``utf8`` a domain becomes A-labels. Raises Unsendable (with ``bad``)."""
    if len(address) > PATH_LIMIT or not PATH.fullmatch(address):
        raise Unsendable(bad)
    if address.isascii():
        return address.encode("ascii")
    if utf8:
        return address.encode("utf-8")
    local, domain = split(address)
    if not local.isascii():
        raise Unsendable(NEEDS_SMTPUTF8)
    try:
        return f"{local}@{domain_to_ascii(domain)}".encode("ascii")
    except BadAddress:
        raise Unsendable(bad) from None


def _parameter(name: bytes, value: str, syntax: re.Pattern[str]) -> bytes:
    """One parameter, nothing when it is empty or not what the RFC allows: a wish for a report must not stop the mail."""
    return name + value.encode("ascii") if value and len(value) < 1000 and syntax.fullmatch(value) else b""
