"""The parameters of MAIL and RCPT: one function a keyword, which checks the value and sets it in the envelope."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from postroom.mail.envelope import Envelope, Recipient
from postroom.mail.reply import Reply

Target = TypeVar("Target", Envelope, Recipient)

KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")  # RFC 5321 4.1.2 esmtp-keyword
XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")  # RFC 3461 section 4
ORCPT_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*/?^_`{|}~.-]+")  # RFC 3461 4.2: an atom
UTF8_TEXT = re.compile(
    r"[!-<>-~\u00a0-\u2027\u202a-\ud7ff\ue000-\U0010ffff]*"
)  # RFC 6533 section 3: utf-8-addr-xtext and -unitext; no controls
SIZE_DIGITS = 20  # RFC 1870 section 4
MAX_ENVID = 100  # characters, RFC 3461 section 4.4
MAX_ORCPT = 500  # characters, RFC 3461 section 4.2
BODIES = frozenset({"7BIT", "8BITMIME", "BINARYMIME"})
NOTIFY_WORDS = frozenset({"SUCCESS", "FAILURE", "DELAY"})

TOO_BIG = Reply(552, "5.3.4", "Message size exceeds the maximum of this server")
REPEATED = Reply(501, "5.5.4", "Parameter given twice")


@dataclass(frozen=True, slots=True)
class Terms:
    """What this session offers, as far as parameters depend on it."""

    max_size: int  # octets
    dsn: bool
    requiretls: bool  # RFC 8689 section 2: only under TLS
    auth: bool


def split(text: str) -> list[tuple[str, str | None]] | Reply:
    """Keyword (in upper case) and value of each parameter; a refusal when the text is not a list of parameters."""
    found: list[tuple[str, str | None]] = []
    for word in text.split(" "):
        if not word:
            continue  # two spaces are wrong and common
        keyword, equals, value = word.partition("=")
        if not KEYWORD.fullmatch(keyword):
            return Reply(501, "5.5.4", "Syntax error in parameters")
        if equals and not value:
            return Reply(501, "5.5.4", f"{keyword.upper()} needs a value")
        found.append((keyword.upper(), value if equals else None))
    if len({keyword for keyword, _ in found}) < len(found):
        return REPEATED
    return found


def apply_mail(text: str, envelope: Envelope, terms: Terms) -> Reply | None:
    """Sets the parameters of MAIL in ``envelope``; the refusal when one is unknown, wrong or not offered."""
    return _apply(MAIL, text, envelope, terms)


def apply_rcpt(text: str, recipient: Recipient, terms: Terms, *, utf8: bool) -> Reply | None:
    """Sets the parameters of RCPT in ``recipient``; the refusal when one is unknown, wrong or not offered. ``utf8``: with SMTPUTF8."""
    refusal = _apply(RCPT, text, recipient, terms)
    if refusal is None and not utf8 and not recipient.orcpt.isascii():
        return _wrong("ORCPT")  # RFC 6533 section 3: utf-8-addr-unitext only with SMTPUTF8
    return refusal


def _apply(
    table: Mapping[str, Callable[[str | None, Target, Terms], Reply | None]], text: str, target: Target, terms: Terms
) -> Reply | None:
    parameters = split(text)
    if isinstance(parameters, Reply):
        return parameters
    for keyword, value in parameters:
        setter = table.get(keyword)
        refusal = setter(value, target, terms) if setter else _unknown(keyword)
        if refusal is not None:
            return refusal
    return None


def _unknown(keyword: str) -> Reply:
    return Reply(555, "5.5.4", f"{keyword[:40]} parameter unrecognized")  # RFC 5321 4.1.1.11


def _wrong(keyword: str) -> Reply:
    return Reply(501, "5.5.4", f"Invalid {keyword} parameter")


def _size(value: str | None, envelope: Envelope, terms: Terms) -> Reply | None:
    if value is None or not (value.isascii() and value.isdigit()) or len(value) > SIZE_DIGITS:
        return _wrong("SIZE")
    if int(value) > terms.max_size:
        return TOO_BIG  # RFC 1870 section 6.1
    envelope.size = int(value)
    return None


def _body(value: str | None, envelope: Envelope, _terms: Terms) -> Reply | None:
    body = (value or "").upper()
    if body not in BODIES:
        return _wrong("BODY")
    envelope.body = body
    return None


def _smtputf8(value: str | None, envelope: Envelope, _terms: Terms) -> Reply | None:
    if value is not None:  # RFC 6531 section 3.4: it takes none
        return _wrong("SMTPUTF8")
    envelope.smtputf8 = True
    return None


def _requiretls(value: str | None, envelope: Envelope, terms: Terms) -> Reply | None:
    if not terms.requiretls:
        return Reply(530, "5.7.10", "REQUIRETLS needs a TLS connection")  # RFC 8689 section 4.1
    if value is not None:
        return _wrong("REQUIRETLS")
    envelope.requiretls = True
    return None


def _auth(value: str | None, _envelope: Envelope, terms: Terms) -> Reply | None:
    """RFC 4954 section 5: the syntax is checked; whom the client vouches for changes nothing here."""
    if not terms.auth:
        return _unknown("AUTH")
    if value is None or len(value) > MAX_ORCPT or not (value == "<>" or XTEXT.fullmatch(value)):
        return _wrong("AUTH")
    return None


def _ret(value: str | None, envelope: Envelope, terms: Terms) -> Reply | None:
    if not terms.dsn:
        return _unknown("RET")
    ret = (value or "").upper()
    if ret not in ("FULL", "HDRS"):
        return _wrong("RET")
    envelope.ret = ret
    return None


def _envid(value: str | None, envelope: Envelope, terms: Terms) -> Reply | None:
    if not terms.dsn:
        return _unknown("ENVID")
    if value is None or len(value) > MAX_ENVID or not XTEXT.fullmatch(value):
        return _wrong("ENVID")
    envelope.envid = value
    return None


def _notify(value: str | None, recipient: Recipient, terms: Terms) -> Reply | None:
    if not terms.dsn:
        return _unknown("NOTIFY")
    words = (value or "").upper().split(",")
    if words != ["NEVER"] and not (NOTIFY_WORDS.issuperset(words) and len(set(words)) == len(words)):
        return _wrong("NOTIFY")  # RFC 3461 section 4.1: NEVER stands alone
    recipient.notify = ",".join(words)
    return None


def _orcpt(value: str | None, recipient: Recipient, terms: Terms) -> Reply | None:
    if not terms.dsn:
        return _unknown("ORCPT")
    kind, semicolon, address = (value or "").partition(";")
    pattern = UTF8_TEXT if kind.lower() == "utf-8" else XTEXT
    if not semicolon or len(value or "") > MAX_ORCPT or not ORCPT_TYPE.fullmatch(kind) or not address or not pattern.fullmatch(address):
        return _wrong("ORCPT")
    recipient.orcpt = value or ""
    return None


MAIL: dict[str, Callable[[str | None, Envelope, Terms], Reply | None]] = {
    "SIZE": _size,
    "BODY": _body,
    "SMTPUTF8": _smtputf8,
    "REQUIRETLS": _requiretls,
    "AUTH": _auth,
    "RET": _ret,
    "ENVID": _envid,
}
RCPT: dict[str, Callable[[str | None, Recipient, Terms], Reply | None]] = {"NOTIFY": _notify, "ORCPT": _orcpt}
