"""FETCH and UID FETCH (RFC 9051 section 6.4.5), with CHANGEDSINCE and VANISHED (RFC 7162) and PARTIAL (RFC 9394)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from ..answers.answering import Answering
from ..choosing import Chosen, choose
from ..grammar.fetching import Item, Request, read_request
from ..refusals import Bad, No
from ..resyncing import without
from ..telling import vanished
from .command import SELECTED, Command

if TYPE_CHECKING:
    from ..session import Session
    from ..view import View

UID, FLAGS, MODSEQ = Item("UID"), Item("FLAGS"), Item("MODSEQ")


def run(session: Session, request: Request, *, uid: bool) -> str:
    """Answer for each message that is there."""
    view, modifiers = session.selected, request.modifiers
    _check(session, request, uid=uid)
    items = _items(session, request, uid=uid)
    if MODSEQ in items:
        session.enable_condstore()  # RFC 7162 section 3.1: this enables it
    chosen, positions = _choose(session, request, uid=uid)
    if modifiers.vanished and modifiers.changed_since is not None:
        _tell_vanished(session, request, modifiers.changed_since)
    answering = Answering(session, items)
    answering.send(positions)
    if answering.unknown:
        raise No("the transfer encoding of a part is not known", "UNKNOWN-CTE")  # RFC 3516 section 4.3
    return _verdict(view, chosen, uid=uid)


def _check(session: Session, request: Request, *, uid: bool) -> None:
    modifiers = request.modifiers
    if modifiers.vanished and not (uid and session.qresync):
        raise Bad("VANISHED is for UID FETCH after ENABLE QRESYNC")  # RFC 7162 section 3.2.6
    if modifiers.partial is not None and not uid:
        raise Bad("PARTIAL is for UID FETCH")  # RFC 9394 section 3.3


def _items(session: Session, request: Request, *, uid: bool) -> list[Item]:
    """What is asked for, and what goes with it."""
    items = list(request.items)
    if session.uidonly:
        items = [item for item in items if item != UID] or items  # RFC 9586 section 3.2: it is there instead of the message number
    elif uid and UID not in items:
        items.insert(0, UID)  # RFC 9051 section 6.4.9
    if (request.modifiers.changed_since is not None or (session.condstore and FLAGS in items)) and MODSEQ not in items:
        items.append(MODSEQ)  # RFC 7162 section 3.1.4.1; section 3.1: with all flags once it is enabled
    return items


def _tell_vanished(session: Session, request: Request, since: int) -> None:
    """Which of the UIDs asked for have gone since (RFC 7162 section 3.2.6); what the client counts still is told after the command."""
    view = session.selected
    last = view.folder.uidnext - 1 if not view.uids else max(view.uids[-1], view.folder.uidnext - 1)
    # "*" up to the last UID that there has been: who asks for 1:* wants to hear that the last message has gone
    asked = [(low, min(high, last)) for low, high in request.numbers.resolved(last) if low <= last]
    gone = session.context.columns.vanished(view.folder.id, since, asked)
    session.send(vanished(without(gone, view.uids), earlier=True))


def _choose(session: Session, request: Request, *, uid: bool) -> tuple[Chosen, Sequence[int]]:
    """The messages that are meant, and as indexes into ``view.uids`` those of them that are answered for."""
    view, modifiers = session.selected, request.modifiers
    if modifiers.partial is None:
        chosen = choose(session, request.numbers, uid=uid)
        positions = _joined(chosen.places)
    else:
        first, last = modifiers.partial
        if abs(last - first) >= session.settings.message_limit:  # RFC 9738 section 3.1
            raise No("too many messages at once", f"MESSAGELIMIT {session.settings.message_limit}")
        positions = _page(_joined(view.ranges(request.numbers, uid=uid)), first, last)
        chosen = Chosen([], len(positions))
    if modifiers.changed_since is not None:  # RFC 9394 section 3.4: of the page
        modseqs = view.columns.modseqs
        rows = ((position, view.row(position)) for position in positions)
        positions = [position for position, row in rows if row >= 0 and modseqs[row] > modifiers.changed_since]
    return chosen, positions


def _joined(places: Sequence[range]) -> Sequence[int]:
    return places[0] if len(places) == 1 else list(chain.from_iterable(places))


def _page(positions: Sequence[int], first: int, last: int) -> Sequence[int]:
    """Some of them, counted from 1, or from the end when negative (RFC 9394 section 3.1)."""
    low, high = sorted((abs(first), abs(last)))
    if first > 0:
        return positions[low - 1 : high]
    return positions[max(len(positions) - high, 0) : max(len(positions) - low + 1, 0)]


def _verdict(view: View, chosen: Chosen, *, uid: bool) -> str:
    gone = 0 if uid else chosen.gone(view)
    if gone and gone == chosen.total:
        raise No("these messages are gone", "EXPUNGEISSUED")  # RFC 2180 section 4.1.2, RFC 5530 section 3
    return f"{'[EXPUNGEISSUED] ' if gone else chosen.limit}FETCH completed"


FETCH = Command(b"FETCH", SELECTED, read_request, partial(run, uid=False), expunges=False)
UID_FETCH = Command(b"UID FETCH", SELECTED, read_request, partial(run, uid=True))
