"""STORE and UID STORE (RFC 9051 section 6.4.6), with UNCHANGEDSINCE (RFC 7162 section 3.1.3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from postroom.store.flagging import Change, Flagged, change_flags
from postroom.store.keywords import TooManyKeywords
from postroom.store.mailboxes import DELETED, SEEN

from ..choosing import Chosen, choose
from ..grammar.flags import Flags, read_bare_flags
from ..grammar.numbers import NumberSet, read_set
from ..grammar.reader import MOST_63
from ..grammar.writing import number_set
from ..numbering import GONE
from ..refusals import Bye, No
from ..telling import flags_of, modseqs_of
from .command import SELECTED, Command

if TYPE_CHECKING:
    from postroom.store.database import Tx

    from ..grammar.reader import Reader
    from ..session import Session
    from ..view import View

MODES: dict[bytes, Literal["set", "add", "remove"]] = {b"FLAGS": "set", b"+FLAGS": "add", b"-FLAGS": "remove"}
ALL_FLAGS = 31
BITS = {"s": SEEN, "t": DELETED, "w": ALL_FLAGS & ~SEEN & ~DELETED}  # what a right allows to change (RFC 4314 section 4)


class Order(NamedTuple):
    """What is to become of which messages."""

    numbers: NumberSet
    mode: Literal["set", "add", "remove"]
    flags: Flags
    silent: bool
    unchanged_since: int | None


def parse(reader: Reader) -> Order:
    """``set [(UNCHANGEDSINCE n)] [+-]FLAGS[.SILENT] flags``."""
    numbers = read_set(reader)
    reader.sp()
    unchanged_since = None
    if reader.take(b"("):
        reader.expect(b"UNCHANGEDSINCE ")
        unchanged_since = reader.number(MOST_63)
        reader.expect(b")")
        reader.sp()
    word = reader.word()
    name = word.removesuffix(b".SILENT")
    if name not in MODES:
        raise reader.bad("FLAGS, +FLAGS or -FLAGS was expected")
    reader.sp()
    order = Order(numbers, MODES[name], read_bare_flags(reader), name != word, unchanged_since)
    reader.end()
    return order


def run(session: Session, order: Order, *, uid: bool) -> str:
    """Change the flags of all messages in one transaction, then say what they are."""
    view = session.selected
    if view.read_only:
        raise No("the mailbox is selected read-only")
    if order.unchanged_since is not None:
        session.enable_condstore()  # RFC 7162 section 3.1: this enables it
    chosen = choose(session, order.numbers, uid=uid)
    changes = _allowed(session, view, order)
    flagged = _store(session, view, chosen, order, changes)
    told = view.refresh(flagged)
    _answer(session, view, chosen, order, flagged, uid=uid, told=told)
    return _verdict(view, chosen, flagged, uid=uid)


def _allowed(session: Session, view: View, order: Order) -> list[Change]:
    """The change as far as the user has the rights to it. Raises No when that is nothing (RFC 4314 section 4)."""
    rights = view.rights
    allowed = sum(bits for right, bits in BITS.items() if right in rights)
    keywords = order.flags.keywords if "w" in rights else ()
    if allowed == ALL_FLAGS:
        return [Change(order.mode, order.flags.bits, keywords)]
    asked = order.flags.bits if order.mode != "set" else ALL_FLAGS
    if not asked & allowed and not keywords and (asked or order.flags.keywords):
        raise No("you have not the right to change these flags", "NOPERM")
    if order.mode != "set":
        return [Change(order.mode, asked & allowed, keywords)]
    # All flags are replaced but those that are not the user's to change
    folder = session.context.mailboxes.by_id(view.folder.id)
    others = tuple(folder.keywords.split()) if folder is not None and "w" in rights else ()
    kept = {word.lower() for word in keywords}
    gone = tuple(word for word in others if word.lower() not in kept)
    return [Change("remove", allowed & ~order.flags.bits, gone), Change("add", allowed & order.flags.bits, keywords)]


def _store(session: Session, view: View, chosen: Chosen, order: Order, changes: list[Change]) -> Flagged:
    uids, mailbox_id = chosen.ranges(view), view.folder.id

    def work(tx: Tx) -> list[Flagged]:
        first = change_flags(tx, mailbox_id, uids, changes[0], unchanged_since=order.unchanged_since)
        left = set(first.modified)
        return [first, *(change_flags(tx, mailbox_id, _but(view, chosen, left), change) for change in changes[1:])]

    try:
        done = session.context.db.write(work, locks=(view.folder.account_id,))
    except TooManyKeywords as error:
        raise No(str(error), "LIMIT") from None
    except KeyError:
        raise Bye(GONE) from None
    for flagged in done:
        session.context.columns.applied(mailbox_id, flagged)
    if done[-1].modseq != done[0].before:
        session.changed(mailbox_id)
    if len(done) == 1:
        return done[0]
    changed = sorted({uid for flagged in done for uid in flagged.changed})
    return Flagged(done[-1].modseq, done[0].before, changed, done[0].modified, {})


def _but(view: View, chosen: Chosen, left: set[int]) -> list[int]:
    return [uid for place in chosen.places for uid in view.uids[place.start : place.stop] if uid not in left]


def _answer(session: Session, view: View, chosen: Chosen, order: Order, flagged: Flagged, *, uid: bool, told: bool) -> None:
    """FETCH responses. With .SILENT none, unless somebody else has changed flags meanwhile: then the view tells all it is not sure of."""
    if not order.silent:
        places = view.places(_but(view, chosen, set(flagged.modified))) if flagged.modified else chosen.places
        flags_of(session, view, places, uid=uid)
    elif session.condstore and told:
        uids = flagged.changed if order.unchanged_since is None else _but(view, chosen, set(flagged.modified))
        modseqs_of(session, view, view.places(uids))  # RFC 7162 section 3.1.3
    if flagged.modified:
        # Why they were left alone: somebody else has changed them, which the client may not know yet
        flags_of(session, view, view.places(view.changed.intersection(flagged.modified)), uid=uid)


def _verdict(view: View, chosen: Chosen, flagged: Flagged, *, uid: bool) -> str:
    if flagged.modified:
        numbers = flagged.modified if uid else [view.position(one) + 1 for one in flagged.modified]
        return f"[MODIFIED {number_set(numbers)}] Conditional STORE failed"
    gone = 0 if uid else chosen.gone(view)
    if gone and gone == chosen.total:
        raise No("these messages are gone", "EXPUNGEISSUED")  # RFC 2180 section 4.2.3, RFC 5530 section 3
    return f"{'[EXPUNGEISSUED] ' if gone else chosen.limit}STORE completed"


STORE = Command(b"STORE", SELECTED, parse, partial(run, uid=False), expunges=False)
UID_STORE = Command(b"UID STORE", SELECTED, parse, partial(run, uid=True))
