"""MOVE and UID MOVE (RFC 6851): messages are in one mailbox or in the other, at no time in both or in none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..choosing import choose
from ..opening import open_mailbox
from ..refusals import No
from ..transferring import copyuid, transfer
from .command import SELECTED, Command
from .copy import Order, parse

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, order: Order, *, uid: bool) -> str:
    """Move them in one transaction; COPYUID comes before the EXPUNGE responses (RFC 6851 section 4.3)."""
    view = session.selected
    chosen = choose(session, order.numbers, uid=uid)
    if view.read_only:
        raise No("the mailbox is selected read-only")
    if not {"t", "e"} <= view.rights:  # RFC 6851 section 4.1
        raise No("you have not the right to remove messages here", "NOPERM")
    target = open_mailbox(session, order.target, "i", code_if_missing="TRYCREATE")
    pairs = transfer(session, chosen, target, uid=uid, move=True)
    if code := copyuid(target, pairs):
        session.untagged(f"OK {code} Moved")
    view.updates(session, expunge=True)
    if pairs and session.qresync and not chosen.limit:
        return f"[HIGHESTMODSEQ {view.seen}] MOVE completed"  # RFC 7162 section 3.2.7 says why
    return f"{chosen.limit}MOVE completed"


MOVE = Command(b"MOVE", SELECTED, parse, partial(run, uid=False))
UID_MOVE = Command(b"UID MOVE", SELECTED, parse, partial(run, uid=True))
