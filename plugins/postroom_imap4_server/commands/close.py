r"""CLOSE (RFC 9051 section 6.4.1): messages with the flag \Deleted go without a word, and no mailbox is selected any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store.uids import ALL

from .command import SELECTED, Command, nothing
from .expunge import remove

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, _: None) -> str:
    """Expunge where that is allowed (RFC 4314 section 4: without the right CLOSE does the rest), then leave."""
    view = session.selected
    gone = [] if view.read_only or "e" not in view.rights else remove(session, ALL)
    code = ""
    if gone and session.qresync:
        now = session.context.mailboxes.by_id(view.folder.id)
        # RFC 7162 section 3.2.8; but what the client has not been told of must not be below it
        if now is not None and now.modseq == view.seen + 1 and not view.pending:
            code = f"[HIGHESTMODSEQ {now.modseq}] "
    session.view = None
    session.observe()
    return f"{code}CLOSE completed"


CLOSE = Command(b"CLOSE", SELECTED, nothing, run)
