"""The figures of a mailbox that STATUS tells (RFC 9051 section 6.3.11): all from its row, so that a large mailbox costs no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .grammar import writing

if TYPE_CHECKING:
    from postroom.store.database import Tx
    from postroom.store.mailboxes import Folder

    from .session import Session

MARKED = "SELECT coalesce(sum(size), 0) FROM message WHERE mailbox_id = ? AND flags & 8 <> 0"


def status(session: Session, name: str, folder: Folder, items: Iterable[bytes]) -> bytes:
    """The STATUS response for a mailbox that the client knows by this name. Raises StoreUnavailable."""
    wanted = tuple(items)
    if b"HIGHESTMODSEQ" in wanted:
        session.enable_condstore()  # RFC 7162 section 3.1: asking for it says that the client knows CONDSTORE
    told = b" ".join(b"%s %s" % (item, FIGURES[item](session, folder)) for item in wanted)
    return b"* STATUS %s (%s)\r\n" % (writing.mailbox(name, utf8=session.utf8), told)


def _marked_bytes(session: Session, folder: Folder) -> int:
    """Bytes that EXPUNGE would free (RFC 9208 section 4.1.4); the only figure that no counter tells."""

    def work(tx: Tx) -> int:
        row = tx.one(MARKED, (folder.id,))
        return 0 if row is None else int(row[0])

    return session.context.db.read_slow(work) if folder.deleted else 0


def _append_limit(session: Session) -> bytes:
    """The largest message that may be put into it: the same for all (RFC 7889 section 5)."""
    return b"%d" % session.limits.message


FIGURES: dict[bytes, Callable[[Session, Folder], bytes]] = {
    b"MESSAGES": lambda _, folder: b"%d" % folder.messages,
    b"UIDNEXT": lambda _, folder: b"%d" % folder.uidnext,
    b"UIDVALIDITY": lambda _, folder: b"%d" % folder.uidvalidity,
    b"UNSEEN": lambda _, folder: b"%d" % folder.unseen,
    b"DELETED": lambda _, folder: b"%d" % folder.deleted,
    b"SIZE": lambda _, folder: b"%d" % folder.bytes,
    b"RECENT": lambda _, folder: b"%d" % max(0, min(folder.messages, folder.uidnext - folder.recent)),
    b"HIGHESTMODSEQ": lambda _, folder: b"%d" % folder.modseq,
    b"MAILBOXID": lambda _, folder: b"(F%d)" % folder.id,  # RFC 8474 section 4.3
    b"APPENDLIMIT": lambda session, _: _append_limit(session),
    b"DELETED-STORAGE": lambda session, folder: b"%d" % _marked_bytes(session, folder),
}
