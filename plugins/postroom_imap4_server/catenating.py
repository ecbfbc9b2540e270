"""Parts of a new message that are copied from messages in the store (RFC 4469: CATENATE)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from postroom.mail.structure import header_fields
from postroom.store.letter import Letter

from .answers.opened import MOST_HEADER, opened, quick_span
from .grammar import names as mailbox_names
from .grammar.fetching import FIELD_LISTS, Of, Section, read_section
from .grammar.reader import Reader
from .grammar.urls import MessageUrl, parse_url
from .opening import open_mailbox
from .refusals import Bad, No

if TYPE_CHECKING:
    from postroom.store.blobs import Draft

    from .session import Session


def copy_part(session: Session, raw: bytes, draft: Draft, most: int) -> None:
    """Write what a URL names into the draft, up to ``most`` bytes in all. Raises No (BADURL, TOOBIG)."""
    shown = raw.decode("ascii", "replace").replace("]", "%5D")
    try:
        url = parse_url(raw)
        mailbox_id = _mailbox(session, url)
        for piece in _pieces(session, mailbox_id, url):
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
        folder = open_mailbox(session, mailbox_names.decode(url.mailbox, utf8=True), "r").folder
    except No as error:
        raise ValueError(error.text) from None
    if url.validity and url.validity != folder.uidvalidity:
        raise ValueError("the mailbox has another UIDVALIDITY")
    return folder.id


def _pieces(session: Session, mailbox_id: int, url: MessageUrl) -> Iterator[bytes]:
    """The bytes that the URL names. Raises ValueError, KeyError when there are none."""
    section = _section(session, url.section)
    found = session.context.mailboxes.contents(mailbox_id, [url.uid])
    if not found:
        raise KeyError(url.uid)
    letter = Letter(session.context.blobs, found[0])
    start, end = quick_span(letter, section) or opened(session, letter, own=bool(letter.prefix)).span(section)
    if section.of in FIELD_LISTS:
        names = frozenset(name.lower() for name in section.names)
        header = letter.read(start, min(end - start, MOST_HEADER))
        fields = header_fields(header, names, exclude=section.of is Of.NOT_FIELDS)
        return iter([fields[url.start :] if url.length is None else fields[url.start : url.start + url.length]])
    start = min(start + url.start, end)
    return letter.pieces(start, end if url.length is None else min(end, start + url.length))


def _section(session: Session, written: bytes) -> Section:
    """The section, written as between the brackets of BODY[…]."""
    reader = Reader(_Line(written + b"]"), session.limits, known=True)
    try:
        section = read_section(reader)
        reader.expect(b"]")
        reader.end()
    except Bad:
        raise ValueError("this is not a section of a message") from None
    return section


class _Line:
    """A line without literals, as a source for a reader."""

    def __init__(self, line: bytes) -> None:
        self._line = line

    def line(self) -> bytes:
        """The line."""
        return self._line

    def pieces(self, size: int) -> Iterator[bytes]:
        """There is nothing more."""
        raise Bad("a literal cannot be part of a URL")

    def go_ahead(self) -> None:
        """There is nobody to tell."""
