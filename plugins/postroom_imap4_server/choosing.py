"""Which messages of the selected mailbox a command means, and how many of them it may work on (RFC 9738)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postroom.store.uids import UidRanges

if TYPE_CHECKING:
    from .grammar.numbers import NumberSet
    from .session import Session
    from .view import View


class Chosen(NamedTuple):
    """Messages of a view."""

    places: list[range]  # indexes into ``view.uids``, ascending and disjoint
    total: int
    limit: str = ""  # the response code that says that not all were taken, with brackets and a space

    def ranges(self, view: View) -> UidRanges:
        """As UIDs. Whatever exists between two messages that the client counts is counted by it, so ranges stay ranges."""
        return [(view.uids[place.start], view.uids[place.stop - 1]) for place in self.places]

    def gone(self, view: View) -> int:
        """How many of them are gone, though the client counts them still."""
        positions = [view.position(uid) for uid in view.gone]
        return sum(position in place for place in self.places for position in positions)


def choose(session: Session, numbers: NumberSet, *, uid: bool) -> Chosen:
    """The messages of these numbers. Where there are too many: those with the highest UIDs (RFC 9738 section 3). Raises Bad."""
    view = session.selected
    places = view.ranges(numbers, uid=uid)
    count = sum(map(len, places))
    most = session.settings.message_limit
    if count <= most:
        return Chosen(places, count)
    kept: list[range] = []
    for place in reversed(places):
        kept.insert(0, place[-most:] if len(place) > most else place)
        most -= len(kept[0])
        if not most:
            break
    lowest = view.uids[kept[0].start]
    return Chosen(kept, session.settings.message_limit, f"[MESSAGELIMIT {session.settings.message_limit} {lowest}] ")
