"""Chooses due mail for a line that does not take all in the order of its coming: by filter, size, order, and what waited at the start.

Candidates are read in pages, off the hub, and judged here. A look goes on where the last one ended (new mail and mail whose turn comes
are always behind that), so mail that the filter leaves is not read again and again; now and then everything is looked at anew, because
mail grows older and priorities change. A sender with an order of its own has the first few of all that is due chosen in advance; when
they are used up and there were more, everything is looked at again. A permanent line leaves alone what one before it takes.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ..mail.message import Message
from ..sending.filtering import Candidate
from .claim import RANKS

if TYPE_CHECKING:
    from ..provided import SendingRules
    from ..sending.filtering import Filter
    from ..store.blobs import Blobs
    from ..store.database import Database, Tx

PAGE = 1000  # candidates of one query
KEPT = 2000  # candidates that are chosen in advance
ANEW = 300_000  # milliseconds between two looks at everything
OVERLAP = 30_000  # milliseconds: transactions that were slower than their neighbours are not missed
HEAD = 256 * 1024  # bytes of a message that are read for its header
BEGINNING = (-1, -1)  # before every next_try and id

CANDIDATES = (
    'SELECT r.id, r.address, r.next_try, r.rank, o.id, o.size, o.sender, o."user", o.queued_at, o.priority, o.blob_id, o.prefix,'
    " o.recipients FROM outgoing_recipient r JOIN outgoing o ON o.id = r.outgoing_id"
    " WHERE r.channel = ? AND r.state = 0 AND r.rank = ? AND r.next_try <= ? AND (r.next_try, r.id) > (?, ?)"
    " ORDER BY r.next_try, r.id LIMIT ?"
)


class Found(NamedTuple):
    """One recipient that is due, with what rules may ask."""

    id: int
    address: str
    next_try: int
    rank: int
    letter: int
    size: int
    sender: str
    user: str | None
    queued_at: int
    priority: int
    blob_id: int
    prefix: bytes
    recipients: int


class Taker(NamedTuple):
    """What one line takes. ``limit``: the largest message, 0 is any."""

    takes: Filter | None
    limit: Callable[[], int]

    def has(self, one: Found, candidate: Candidate) -> bool:
        """Whether the line takes this recipient."""
        limit = self.limit()
        return not (limit and one.size > limit) and (not self.takes or self.takes.takes(candidate).taken)


class Picking:
    """What one line may take next. ``limit``: the largest message that it takes, 0 is any; ``before``: lines that are asked first."""

    def __init__(
        self, db: Database, blobs: Blobs, channel: str, rules: SendingRules, limit: Callable[[], int], before: Sequence[Taker] = ()
    ) -> None:
        self.db, self.blobs, self.channel, self.rules, self.limit = db, blobs, channel, rules, limit
        self._taker, self._before = Taker(rules.takes, limit), before
        self._fields = frozenset(name for one in (self._taker, *before) if one.takes for name in one.takes.header_names)
        self._picks: deque[int] = deque()
        self._keys: dict[int, tuple[int, int, int]] = {}  # the places of the picks in the sender's order, if it has one
        self._dropped = False  # there were more than can be chosen in advance
        self._since = BEGINNING  # the look that comes next begins behind this next_try and id
        self._resume: tuple[int, tuple[int, int]] | None = None  # a look that was broken off: the rank, next_try and id where it goes on
        self._anew = 0  # when everything is to be looked at again (ms)
        self._looked = -1  # the last look ended at what was due then

    @property
    def looked(self) -> int:
        """Until when (ms) all that is due has been looked at; what is due later has not."""
        return self._looked

    def anew(self) -> None:
        """Look at everything again: a run begins."""
        self._picks.clear()
        self._since, self._resume, self._anew, self._looked = BEGINNING, None, 0, -1

    def next(self, now: int, started: int, limit: int) -> list[int]:
        """The ids of up to ``limit`` recipients to claim; fewer when there are no more. ``started``: of the run (ms), 0: there is none."""
        if len(self._picks) < limit:
            self._look(now, started)
        return [self._picks.popleft() for _ in range(min(limit, len(self._picks)))]

    def _look(self, now: int, started: int) -> None:
        if not self._anew - ANEW <= now < self._anew or (self._dropped and not self._picks):  # earlier: the clock was set back
            self._since, self._resume, self._anew, self._dropped = BEGINNING, None, now + ANEW, False
        before = started if self.rules.only_waiting and started else now
        known = set(self._picks)
        wanted = (one for one in self._due(now) if one.id not in known and one.queued_at <= before and self._taken(one, now))
        if self.rules.smaller_first or self.rules.reverse:
            self._choose(wanted)
        else:
            for one in wanted:
                self._picks.append(one.id)
                if len(self._picks) >= KEPT:
                    return
        self._looked, self._since, self._resume = now, (now - OVERLAP, -1), None

    def _choose(self, wanted: Iterator[Found]) -> None:
        """Keep the first of these and of those that are chosen already, by the sender's order."""
        chosen = [(self._keys[number], number) for number in self._picks]
        first = heapq.nsmallest(KEPT + 1, chain(chosen, ((self._order(one), one.id) for one in wanted)))
        self._dropped = self._dropped or len(first) > KEPT
        self._keys = {number: key for key, number in first[:KEPT]}
        self._picks = deque(self._keys)

    def _due(self, now: int) -> Iterator[Found]:
        """Everything that is due from the place on, page by page."""
        first, place = self._resume or (RANKS[0], self._since)
        for rank in RANKS[first:]:
            while page := self._page(rank, now, place):
                for one in page:
                    place = (one.next_try, one.id)
                    self._resume = (rank, place)
                    yield one
            place = self._since

    def _page(self, rank: int, now: int, place: tuple[int, int]) -> list[Found]:
        values = (self.channel, rank, now, *place, PAGE)

        def read(tx: Tx) -> list[Found]:
            return [Found(*row) for row in tx.execute(CANDIDATES, values)]

        return self.db.read_slow(read)

    def _order(self, one: Found) -> tuple[int, int, int]:
        """Priority first, whatever else is wanted (reference section 2.3)."""
        measure = one.size if self.rules.smaller_first else one.queued_at
        return -one.priority, -measure if self.rules.reverse else measure, one.id

    def _taken(self, one: Found, now: int) -> bool:
        candidate = self._candidate(one, now)
        return self._taker.has(one, candidate) and not any(other.has(one, candidate) for other in self._before)

    def refusal(self, one: Found, now: int) -> str:
        """Why the line does not take it, "" when it does: for people."""
        limit, takes = self.limit(), self.rules.takes
        if limit and one.size > limit:
            return f"it is larger than max_message_size, {limit} bytes"
        choice = takes.takes(self._candidate(one, now)) if takes else None
        return "" if choice is None or choice.taken else choice.reason

    def _candidate(self, one: Found, now: int) -> Candidate:
        return Candidate(
            one.sender, one.address, size=one.size, user=one.user or "", age=(now - one.queued_at) / 1000, priority=one.priority,
            recipients=one.recipients, headers=lambda: self._headers(one),
        )  # fmt: skip

    def _headers(self, one: Found) -> Mapping[str, Sequence[str]]:
        message = Message.whole(bytes(one.prefix) + self.blobs.part(one.blob_id, 0, HEAD))
        return {name: message.all(name) for name in self._fields}
