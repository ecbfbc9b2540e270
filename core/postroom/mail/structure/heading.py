"""What SEARCH, SORT and THREAD ask of a header, computed once and kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

from ..folding import fold
from ..headers import decode
from . import dates, fields
from .addresses import Address
from .envelope import addresses_of
from .subject import base_subject

MAX_TEXT = 16 * 1024  # characters of a field, of all fields of its name together
MAX_KEY = 500  # characters of a key to sort by
MAX_REFERENCES = 200  # the first one, which the thread began with, and the last ones: the nearest relatives
MAX_ID = 998

_ID = re.compile(rb"<([^<>]{1,%d})>" % MAX_ID)
_SPACES = re.compile(rb"\s+")


@dataclass(frozen=True, slots=True)
class Heading:
    """Texts are decoded. Keys and base_subject are folded (``postroom.mail.folding``): equal and in order by plain comparison."""

    sent_at: int | None  # milliseconds since 1970 UTC; None when Date is missing or cannot be read
    sent_day: int | None  # days since 1970 by the sender's clock: SENTON, SENTBEFORE and SENTSINCE disregard time and zone (RFC 3501 6.4.4)
    subject: str
    base_subject: str  # RFC 5256 2.1
    is_reply: bool  # the subject says so: reply or forward
    from_: str  # the fields of that name, one on a line
    to: str
    cc: str
    bcc: str
    from_key: str  # mailbox of the first address (RFC 5256 3)
    to_key: str
    cc_key: str
    display_from: str  # name of the first address, else the address (RFC 5957 4)
    display_to: str
    message_id: str  # "<…>", "" when there is none
    references: tuple[str, ...]  # of References, else the first of In-Reply-To (RFC 5256 3, REFERENCES step 1)


def heading(header: bytes) -> Heading:
    """The heading of the message with this header."""
    found = fields.collect(header)
    subject = _text(found, b"subject")
    base, reply = base_subject(subject)
    sent = dates.parse(_text(found, b"date"))
    origin, target, copied = (_first(found, name) for name in (b"from", b"to", b"cc"))
    return Heading(
        sent_at=sent[0] if sent else None,
        sent_day=sent[1] if sent else None,
        subject=subject,
        base_subject=fold(base)[:MAX_KEY],
        is_reply=reply,
        from_=_text(found, b"from"),
        to=_text(found, b"to"),
        cc=_text(found, b"cc"),
        bcc=_text(found, b"bcc"),
        from_key=_mailbox(origin),
        to_key=_mailbox(target),
        cc_key=_mailbox(copied),
        display_from=_shown(origin),
        display_to=_shown(target),
        message_id=next(iter(_ids(found, b"message-id")), ""),
        references=_references(found),
    )


def thread(header: bytes) -> str:
    """The id "<…>" of the message that the thread began with, as the header of one in it says; "" where that says no id at all."""
    found = fields.collect(header)
    return next(iter((*_references(found), *_ids(found, b"message-id"))), "")


def thread_number(name: str) -> int:
    """The number of a thread, below 1 << 64, by the message that it began with: the same at all times and everywhere."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


def _text(found: dict[bytes, list[bytes]], name: bytes) -> str:
    values = found.get(name)
    if not values:
        return ""
    text = decode(fields.on_one_line(values[0])) if len(values) == 1 else "\n".join(decode(fields.on_one_line(value)) for value in values)
    return text[:MAX_TEXT].replace("\0", "\ufffd")  # PostgreSQL's text holds no NUL


def _first(found: dict[bytes, list[bytes]], name: bytes) -> Address | None:
    addresses = addresses_of(found.get(name))
    return addresses[0] if addresses else None


def _mailbox(address: Address | None) -> str:
    return _key(address.mailbox) if address and address.mailbox else ""


def _shown(address: Address | None) -> str:
    if address is None:
        return ""
    if address.name:
        return _key(address.name)
    mailbox, host = address.mailbox or b"", address.host
    return _key(mailbox if host is None else mailbox + b"@" + host)


def _key(text: bytes) -> str:
    return fold(decode(text)[:MAX_KEY]).replace("\0", "\ufffd")


def _ids(found: dict[bytes, list[bytes]], name: bytes) -> list[str]:
    values = found.get(name)
    return [_normal(match) for match in _ID.findall(b" ".join(values))] if values else []


def _normal(identity: bytes) -> str:
    text = _SPACES.sub(b"", identity).replace(b'"', b"").decode("utf-8", "replace")  # RFC 5256 3: quoted and plain spelling are equal
    return f"<{text}>".replace("\0", "\ufffd")


def _references(found: dict[bytes, list[bytes]]) -> tuple[str, ...]:
    ids = _ids(found, b"references")
    return tuple(ids[:1] + ids[1:][1 - MAX_REFERENCES :] or _ids(found, b"in-reply-to")[:1])
