"""Parts of a new message that are copied from messages in the store (RFC 4469: CATENATE)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from postroom.mail.structure import Part, find, header_fields, message_of, scan

from .grammar import names
from .grammar.urls import MessageUrl, parse_url
from .opening import open_mailbox
from .refusals import No

if TYPE_CHECKING:
    from postroom.store.blobs import Draft

    from .session import Session

# RFC 9051 section 9: section-spec
_SECTION = re.compile(
    rb"(?P<path>[1-9]\d{0,3}(?:\.[1-9]\d{0,3})*)?(?:(?:(?<=\d)\.|^)"
    rb"(?P<text>HEADER|TEXT|(?<=\.)MIME|HEADER\.FIELDS(?P<not>\.NOT)? \((?P<fields>[!-'*-~]+(?: [!-'*-~]+)*)\)))?",
    re.IGNORECASE,
)
HEADER_MOST = 1_048_576  # bytes of a header that is taken apart by fields


def copy_part(session: Session, raw: bytes, draft: Draft, most: int) -> None:
    """Write what a URL names into the draft, up to ``most`` bytes in all. Raises No (BADURL, TOOBIG)."""
    shown = raw.decode("ascii", "replace").replace("]", "%5D")
    try:
        url = parse_url(raw)
        mailbox_id = _mailbox(session, url)
        for piece in _cut(_section(session, mailbox_id, url), url.start, url.length):
            if draft.size + len(piece) > most:
                raise No("the message becomes too large", "TOOBIG")  # RFC 4469 section 4
            draft.write(piece)
            session.out.breathe()
    except (ValueError, KeyError) as error:
        reason = str(error) if isinstance(error, ValueError) else "there is no such message or part"
        raise No(reason, f"BADURL {shown}") from None  # RFC 4469 section 4


def _mailbox(session: Session, url: MessageUrl) -> int:
    """The id of the mailbox. Raises ValueError."""
    if url.host and url.host.lower() != session.context.config.server.hostname.lower():
        raise ValueError("this URL is not one of this server")
    if url.user and url.user.lower() not in (session.user.name, session.user.name.partition("@")[0]):
        raise ValueError("this URL is another user's")
    if not url.mailbox:  # relative to the selected mailbox (RFC 4469 section 3)
        if session.view is None:
            raise ValueError("no mailbox is selected")
        return session.view.folder.id
    try:
        folder = open_mailbox(session, names.decode(url.mailbox, utf8=True), "r").folder
    except No as error:
        raise ValueError(error.text) from None
    if url.validity and url.validity != folder.uidvalidity:
        raise ValueError("the mailbox has another UIDVALIDITY")
    return folder.id


def _section(session: Session, mailbox_id: int, url: MessageUrl) -> Iterator[bytes]:
    """The bytes of the section. Raises ValueError, KeyError when there is none."""
    found = _SECTION.fullmatch(url.section)
    if found is None:
        raise ValueError("this is not a section of a message")
    content = session.context.mailboxes.content
    if not url.section:
        return content(mailbox_id, url.uid)
    path = [int(number) for number in (found["path"] or b"").split(b".") if number]
    root = scan(_breathing(session, content(mailbox_id, url.uid)))
    start, end = _range(root, path, (found["text"] or b"").upper())
    piece = _cut(content(mailbox_id, url.uid), start, end - start)
    if not found["fields"]:
        return piece
    wanted = frozenset(found["fields"].lower().split())
    return iter([header_fields(b"".join(_cut(piece, 0, HEADER_MOST)), wanted, exclude=bool(found["not"]))])


def _range(root: Part, path: list[int], text: bytes) -> tuple[int, int]:
    """Where a section begins and ends. Raises KeyError when there is none."""
    if text == b"MIME":
        part = find(root, path)
        return part.header_start, part.body_start
    if text == b"TEXT":
        part = message_of(root, path)
        return part.body_start, part.end
    if text:
        part = message_of(root, path)
        return part.header_start, part.body_start
    part = find(root, path)
    return part.body_start, part.end


def _cut(pieces: Iterable[bytes], start: int, length: int | None) -> Iterator[bytes]:
    """``length`` bytes from ``start``; fewer where they end, all of them for None."""
    for piece in pieces:
        part = piece[start:] if length is None else piece[start : start + length]
        start = max(0, start - len(piece))
        if length is not None:
            length -= len(part)
        if part:
            yield part
        if length == 0:
            return


def _breathing(session: Session, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        session.out.breathe()
