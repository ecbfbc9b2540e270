"""SELECT with QRESYNC: what a client that was here before has missed (RFC 7162 section 3.2.5)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from postroom.store.uids import UidRanges, members

from .telling import flags_of_uids, vanished

if TYPE_CHECKING:
    from .grammar.numbers import NumberSet
    from .session import Session
    from .view import View


class Known(NamedTuple):
    """What the client remembers of the mailbox."""

    uidvalidity: int
    modseq: int
    uids: NumberSet | None = None  # all that it knows of, None: all that there may be
    matched: tuple[NumberSet, NumberSet] | None = None  # message numbers and their UIDs, some of them


def resync(session: Session, view: View, known: Known) -> None:
    """Send which of the known messages have vanished since, then the flags of those that have changed."""
    folder = view.folder
    if known.modseq >= folder.modseq:
        return
    last = folder.uidnext - 1
    asked = [(1, last)] if known.uids is None else _below(known.uids.resolved(last), last)
    columns, uids = view.columns, view.uids
    start = agreed(uids, known.matched) if known.modseq < folder.horizon else 0
    gone = session.context.columns.vanished(folder.id, known.modseq, [(max(low, start + 1), high) for low, high in asked if high > start])
    session.send(vanished(without(gone, uids), earlier=True))  # what goes just now is told later, for the client counts it
    changed = [uid for uid, *_ in columns.since(known.modseq) if uid <= last]
    flags_of_uids(session, view, list(_among(changed, asked)))


def _below(ranges: UidRanges, last: int) -> UidRanges:
    return [(low, min(high, last)) for low, high in ranges if low <= last]


def _among(uids: Sequence[int], ranges: UidRanges) -> Iterator[int]:
    """Those of the ascending ``uids`` that are in ``ranges``."""
    at = iter(ranges)
    low, high = next(at, (0, 0))
    for uid in uids:
        while uid > high > 0:
            low, high = next(at, (0, 0))
        if low <= uid <= high:
            yield uid


def without(ranges: UidRanges, uids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The ranges without the ascending ``uids``."""
    for low, high in ranges:
        start = low
        for uid in uids[bisect_left(uids, low) : bisect_right(uids, high)]:
            if uid > start:
                yield start, uid - 1
            start = uid + 1
        if start <= high:
            yield start, high


def agreed(uids: Sequence[int], matched: tuple[NumberSet, NumberSet] | None) -> int:
    """The highest UID up to which the client has missed no expunge, by the numbers that it remembers (RFC 7162 section 3.2.5.2).

    Only wanted where the history does not go back so far: else it says exactly what has vanished.
    """
    if matched is None:
        return 0
    numbers, known = (members(one.resolved(0)) for one in matched)
    agreed = 0
    for number, uid in zip(numbers, known, strict=False):
        if number > len(uids):
            break
        if uids[number - 1] == uid:
            agreed = uid
    return agreed
