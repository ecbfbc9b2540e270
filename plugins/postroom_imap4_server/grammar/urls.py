"""URLs of messages: ``/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=1.2`` (RFC 5092), absolute or relative, as CATENATE takes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

# RFC 5092 section 11; URLAUTH and EXPIRE are of no use here and make the URL one that we cannot follow
_URL = re.compile(
    r"(?:imap://(?:(?P<user>[^/@;]*)(?:;AUTH=[^/@]*)?@)?(?P<host>[^/@:]+)(?::\d{1,5})?(?=/))?"
    r"(?:/(?P<mailbox>[^;]+)(?:;UIDVALIDITY=(?P<validity>[1-9]\d{0,9}))?(?=/))?"
    r"/?;UID=(?P<uid>[1-9]\d{0,9})"
    r"(?:/;SECTION=(?P<section>[^;]+?))?"
    r"(?:/;PARTIAL=(?P<start>\d{1,18})(?:\.(?P<length>[1-9]\d{0,17}))?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MessageUrl:
    """A message, or a part of it."""

    user: str  # "" when the URL does not say
    host: str  # "" when the URL is relative
    mailbox: bytes  # in UTF-8; b"" is the selected mailbox
    validity: int  # 0 when the URL does not say
    uid: int
    section: bytes  # as between the brackets of BODY[…]
    start: int = 0  # of the section
    length: int | None = None  # to its end


def parse_url(raw: bytes) -> MessageUrl:
    """The parts of a URL. Raises ValueError when it is not one of a message."""
    found = _URL.fullmatch(raw.decode("ascii", "strict"))
    if found is None or (found["host"] and not found["mailbox"]):
        raise ValueError("this is not the URL of a message")
    return MessageUrl(
        user=_text(found["user"]).decode("utf-8"),
        host=found["host"] or "",
        mailbox=_text(found["mailbox"]),
        validity=int(found["validity"] or 0),
        uid=int(found["uid"]),
        section=_text(found["section"]),
        start=int(found["start"] or 0),
        length=int(found["length"]) if found["length"] else None,
    )


def _text(part: str | None) -> bytes:
    return unquote_to_bytes(part or "")
