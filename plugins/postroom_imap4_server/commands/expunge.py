r"""EXPUNGE (RFC 9051 section 6.4.3) and UID EXPUNGE (RFC 4315 section 2.1): messages with the flag \Deleted go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store.expunge import expunge
from postroom.store.uids import ALL, UidRanges

from ..choosing import choose
from ..grammar.numbers import NumberSet, read_set
from ..refusals import No
from .command import SELECTED, Command, nothing

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


def parse(reader: Reader) -> NumberSet:
    """Which UIDs."""
    numbers = read_set(reader)
    reader.end()
    return numbers


def run(session: Session, _: None) -> str:
    """All of them."""
    return _expunge(session, ALL)


def run_uid(session: Session, numbers: NumberSet) -> str:
    """Those among these UIDs."""
    chosen = choose(session, numbers, uid=True)
    return _expunge(session, chosen.ranges(session.selected), chosen.limit)


def _expunge(session: Session, uids: UidRanges, limit: str = "") -> str:
    view = session.selected
    if view.read_only:
        raise No("the mailbox is selected read-only")
    if "e" not in view.rights:
        raise No("you have not the right to expunge messages here", "NOPERM")
    gone = remove(session, uids)
    view.updates(session, expunge=True)
    if gone and session.qresync and not limit:
        return f"[HIGHESTMODSEQ {view.seen}] EXPUNGE completed"  # RFC 7162 section 3.2.7
    return f"{limit}EXPUNGE completed"


def remove(session: Session, uids: UidRanges) -> list[int]:
    """Remove the marked ones among ``uids``; those that went."""
    mailboxes, folder = session.context.mailboxes, session.selected.folder
    recover, at = mailboxes.recover, int(mailboxes.clock() * 1000)
    gone = session.context.db.write(
        lambda tx: expunge(tx, folder.id, uids, only_deleted=True, recover=recover, at=at), locks=(folder.account_id,)
    )
    if gone:
        session.changed(folder.id)
    return gone


EXPUNGE = Command(b"EXPUNGE", SELECTED, nothing, run)
UID_EXPUNGE = Command(b"UID EXPUNGE", SELECTED, parse, run_uid)
