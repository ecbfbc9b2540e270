"""SELECT and EXAMINE (RFC 9051 section 6.3.2 and 6.3.3), with CONDSTORE and QRESYNC (RFC 7162 section 3.1.8 and 3.2.5)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from postroom.store.mailboxes import SEEN

from ..grammar import writing
from ..grammar.numbers import read_set
from ..grammar.reader import MOST_63
from ..opening import open_mailbox
from ..refusals import Bad
from ..resyncing import Known, resync
from ..telling import flag_names
from ..view import View
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..opening import Opened
    from ..session import Session

SEEN_ONLY = bytes(bits & SEEN for bits in range(256))
WRITING = frozenset("ieswt")  # RFC 4314 section 5.2: with none of these a mailbox is read only


class Selection(NamedTuple):
    """What is to be selected."""

    name: str
    condstore: bool = False
    known: Known | None = None  # QRESYNC: what the client remembers


def parse(reader: Reader) -> Selection:
    """``mailbox [(CONDSTORE QRESYNC (…))]``."""
    selection = Selection(reader.mailbox())
    if not reader.at_end():
        reader.sp()
        for parameter in reader.parenthesized(lambda: _parameter(reader), least=1):
            selection = selection._replace(condstore=True) if parameter is None else selection._replace(known=parameter)
    reader.end()
    return selection


def _parameter(reader: Reader) -> Known | None:
    """QRESYNC, or None for CONDSTORE."""
    word = reader.word()
    if word == b"CONDSTORE":
        return None
    if word == b"QRESYNC":
        reader.sp()
        return _known(reader)
    raise reader.bad("CONDSTORE or QRESYNC was expected")


def _known(reader: Reader) -> Known:
    """``(uidvalidity modseq [known-uids] [(seqs uids)])``."""
    reader.expect(b"(")
    uidvalidity = reader.positive()
    reader.sp()
    known = Known(uidvalidity, reader.positive(MOST_63))
    if reader.take(b" ") and not reader.peek(b"("):
        known = known._replace(uids=read_set(reader, saved=False))
        if known.uids is not None and known.uids.has_star:
            raise reader.bad("* has no meaning here")
        if not reader.take(b" "):
            reader.expect(b")")
            return known
    if reader.take(b"("):
        numbers = read_set(reader, saved=False)
        reader.sp()
        known = known._replace(matched=(numbers, read_set(reader, saved=False)))
        reader.expect(b")")
    reader.expect(b")")
    return known


def run(session: Session, selection: Selection, *, examine: bool) -> str:
    """Leave the mailbox that is selected, whatever comes of it, and select another."""
    if selection.known is not None and not session.qresync:
        raise Bad("ENABLE QRESYNC comes first")  # RFC 7162 section 3.2.5
    if session.view is not None:
        session.view = None
        session.observe()
        session.untagged("OK [CLOSED] The mailbox that was selected is closed")  # RFC 7162 section 3.2.11, RFC 9051 section 6.3.2
    opened = open_mailbox(session, selection.name, "r")
    if selection.condstore:
        session.enable_condstore()
    view = _view(session, opened, read_only=examine or not opened.rights & WRITING)
    _describe(session, view)
    if selection.known is not None and selection.known.uidvalidity == view.folder.uidvalidity:
        resync(session, view, selection.known)
    session.view = view
    session.observe()
    return f"[READ-{'ONLY' if view.read_only else 'WRITE'}] {'EXAMINE' if examine else 'SELECT'} completed"


def _view(session: Session, opened: Opened, *, read_only: bool) -> View:
    folder = opened.folder
    if session.rev2:
        return View(session, opened, read_only=read_only, recent=folder.uidnext, recents=0)
    mailboxes = session.context.mailboxes
    # EXAMINE leaves the messages recent for the next one (RFC 3501 section 6.3.2)
    recent = folder.recent if read_only or folder.recent >= folder.uidnext else mailboxes.claim_recent(folder.id)
    recents = folder.messages if recent <= 1 else mailboxes.count(folder.id, recent, folder.uidnext)
    return View(session, opened, read_only=read_only, recent=recent, recents=recents)


def _describe(session: Session, view: View) -> None:
    """What every SELECT answers."""
    folder = view.folder
    session.untagged(f"{view.exists} EXISTS")
    if not session.rev2:
        session.untagged(f"{view.recents} RECENT")
    flag_names(session, view)
    _tell_unseen(session, view)
    session.untagged(f"OK [UIDVALIDITY {folder.uidvalidity}] UIDs are valid")
    session.untagged(f"OK [UIDNEXT {folder.uidnext}] The next UID")
    session.untagged(f"OK [HIGHESTMODSEQ {folder.modseq}] The highest modseq")  # RFC 7162 section 3.1.2
    session.untagged(f"OK [MAILBOXID (F{folder.id})] The mailbox for ever")  # RFC 8474 section 4.1
    if session.rev2:  # RFC 9051 section 6.3.2
        session.send(b'* LIST () "/" %s\r\n' % writing.mailbox(view.name, utf8=session.utf8))


def _tell_unseen(session: Session, view: View) -> None:
    """The first unseen message (RFC 3501 section 7.1), where it can be told without loading the mailbox; gone from RFC 9051."""
    folder = view.folder
    if session.rev2 or session.uidonly or not folder.unseen:
        return
    columns = session.context.columns.held(folder.id, folder.modseq)
    if columns is not None:
        first = columns.flags.translate(SEEN_ONLY).find(b"\0") + 1
        session.untagged(f"OK [UNSEEN {first}] The first unseen message")


SELECT = Command(b"SELECT", LOGGED_IN, parse, partial(run, examine=False))
EXAMINE = Command(b"EXAMINE", LOGGED_IN, parse, partial(run, examine=True))
