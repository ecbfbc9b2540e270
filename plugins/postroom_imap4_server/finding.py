"""One search command on its way: it gives way to others, says that it is not done yet, and ends when it takes too long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from . import masks
from .matching import match
from .numbering import GONE
from .place import Place
from .refusals import Bye, No

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .grammar.searching import Program
    from .session import Session
    from .view import View

BREATH = 0.01  # seconds of work between two looks at what others want
PROGRESS = 10.0  # seconds between two lines that say that we are still at it (RFC 9585 section 3)


class Pace:
    """To be called now and then during a search. Raises No (LIMIT) when it takes too long."""

    def __init__(self, session: Session, tag: bytes) -> None:
        now = time.monotonic()
        self._session, self._tag = session, tag
        self._end, self._breath, self._progress = now + session.limits.search_seconds, now + BREATH, now + PROGRESS

    def __call__(self) -> None:
        """Go on, or not."""
        now = time.monotonic()
        if now > self._end:
            raise No("the search takes too long", "LIMIT")
        if now > self._progress:
            self._progress = now + PROGRESS
            self._session.send(b'* OK [INPROGRESS ("%s" NIL NIL)] Searching\r\n' % self._tag)  # RFC 9585 section 4
            self._session.out.flush()
        if now > self._breath:
            self._session.out.breathe()
            self._breath = time.monotonic() + BREATH


class Found:
    """The outcome of a search in the selected mailbox: a mask over ``place.columns``."""

    def __init__(self, place: Place, mask: int, limit: str = "") -> None:
        self.place, self.mask = place, mask
        self.limit = limit  # the response code that says that not all messages were looked at, with brackets and a space

    def uids(self) -> list[int]:
        """Ascending."""
        return list(masks.chosen(self.mask, self.place.columns.uids))

    def numbers(self, *, uid: bool) -> list[int]:
        """UIDs, or message numbers as the client counts, ascending."""
        columns, view = self.place.columns, self.place.view
        if uid:
            return self.uids()
        if view is None or view.uids is columns.uids:
            return list(masks.chosen(self.mask, range(1, len(columns) + 1)))
        return [view.position(one) + 1 for one in self.uids()]

    def number_of(self, *, uid: bool) -> Sequence[int]:
        """For each row of the snapshot what the client calls it."""
        columns, view = self.place.columns, self.place.view
        if uid:
            return columns.uids
        if view is None or view.uids is columns.uids:
            return range(1, len(columns) + 1)
        return [view.position(one) + 1 for one in columns.uids]


def find(session: Session, program: Program, tag: bytes) -> Found:
    """Search the selected mailbox. Raises No, Bad, Bye, StoreUnavailable."""
    view = session.selected
    if program.modseq:
        session.enable_condstore()  # RFC 7162 section 3.1: this enables it
    view.refresh()
    place = _place(session, view, Pace(session, tag))
    among, limit = _bounded(session, place)
    return Found(place, match(place, program.key, among), limit)


def _place(session: Session, view: View, pace: Pace) -> Place:
    folder = session.context.mailboxes.by_id(view.folder.id)
    if folder is None:
        raise Bye(GONE)
    return Place(session.context, folder, view.columns, view, time.time(), pace)


def _bounded(session: Session, place: Place) -> tuple[int, str]:
    """The messages that are searched: of too many those with the highest UIDs (RFC 9738 section 3)."""
    among, most = place.all, session.settings.message_limit
    count = masks.size(among)
    if count <= most:
        return among, ""
    kept = masks.of_ranges([range(count - most, count)], len(place.columns))
    return kept, f"[MESSAGELIMIT {most} {place.columns.uids[count - most]}] "
