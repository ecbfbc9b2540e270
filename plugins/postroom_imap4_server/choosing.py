"""Which messages of the selected mailbox a command means, and how many of them it may work on (RFC 9738)."""

from __future__ import annotations

from bisect import bisect_right
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
        starts = [place.start for place in self.places]
        positions = (view.position(uid) for uid in view.gone)
        return sum(1 for position in positions if (n := bisect_right(starts, position)) and position in self.places[n - 1])


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
        kept.append(place[-most:] if len(place) > most else place)
        most -= len(kept[-1])
        if not most:
            break
    kept.reverse()
    lowest = view.uids[kept[0].start]
    return Chosen(kept, session.settings.message_limit, f"[MESSAGELIMIT {session.settings.message_limit} {lowest}] ")
