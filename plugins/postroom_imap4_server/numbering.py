"""The messages of a mailbox as one client counts them, and what it has not been told yet.

How this works. A client counts messages: it is told how many there are (EXISTS), that number 7 is no more (EXPUNGE), and counts again.
Other sessions, POP3 and deliveries change the mailbox meanwhile, so the store's list and the client's list differ, and every message
number means the client's list. That list changes only when the client is told:

- New messages go to its end. EXISTS may be sent at any time, so nothing is hard about them (RFC 9051 section 7.4.1).
- EXPUNGE shifts the numbers of all messages behind it, and a client may have sent further commands by number already. So it is never
  sent while no command is in progress, nor while FETCH, STORE or SEARCH by number is answered (RFC 9051 section 7.5.1, RFC 3501 section
  7.4.1; VANISHED likewise: RFC 7162 section 3.2.10). Until then the message is gone from the store but keeps its number. What a command
  by number does with such a message is told in RFC 2180 section 4: it is passed over, and the answer says so (EXPUNGEISSUED, RFC 5530).
- Flags may be told at any time; a message that is gone has none.

So a view is: which UIDs it has announced (all below ``_next`` that were there), which of them are gone in secret (``_gone``), whose
flags have changed in secret (``_changed``), and the newest snapshot of the store that it has looked at. The client's list follows from
these: what the snapshot has below ``_next``, and ``_gone``. Between two commands, when nothing is pending, the view rests: it keeps three
numbers (``exists``, ``_next`` and ``_seen``, the modseq for which they hold) and no snapshot. A SELECT makes a resting view, so it costs
the same whatever the size, and ten thousand clients in IDLE hold no lists. From rest the list is had back as what is there now and what
has vanished since ``_seen``, for the store remembers what was expunged.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .grammar.numbers import STAR
from .refusals import Bad, Bye

if TYPE_CHECKING:
    from postroom.store.columns import Change, Columns
    from postroom.store.flagging import Flagged
    from postroom.store.mailboxes import Folder

    from .grammar.numbers import NumberSet
    from .session import Session

BLOCK = 512  # UIDs
GONE = "the selected mailbox has been deleted"
LOST = "the selected mailbox has changed too much, connect again"


class Numbering:
    """The client's list of the messages of ``folder``, which begins as the folder says that it is. ``exists``: their number."""

    __slots__ = ("_changed", "_columns", "_gone", "_next", "_seen", "_session", "_uids", "exists", "folder", "saved")

    def __init__(self, session: Session, folder: Folder) -> None:
        self._session = session
        self.folder = folder  # as of SELECT
        self.exists = folder.messages
        self.saved: list[int] | None = None  # UIDs of "$" (RFC 5182), ascending
        self._next = folder.uidnext  # all UIDs below it have been announced
        self._seen = folder.modseq  # up to which changes are told or pending
        self._columns: Columns | None = None
        self._uids: Sequence[int] | None = None
        self._gone: list[int] = []  # UIDs, ascending
        self._changed: set[int] = set()  # UIDs

    # --- the client's list

    @property
    def columns(self) -> Columns:
        """The newest snapshot that this view has looked at; the same one until ``refresh`` or ``updates``."""
        if self._columns is None:
            self.refresh()
        assert self._columns is not None
        return self._columns

    @property
    def uids(self) -> Sequence[int]:
        """The client's numbering: ``uids[n - 1]`` is message n. The very object ``columns.uids`` while nothing is pending."""
        if self._uids is None:
            live = self.columns.uids
            if not live or live[-1] >= self._next:
                live = live[: bisect_left(live, self._next)]
            self._uids = array("I", sorted([*live, *self._gone])) if self._gone else live
        return self._uids

    def position(self, uid: int) -> int:
        """The index into ``uids``, -1 for a UID that the client does not know."""
        uids = self.uids
        index = bisect_left(uids, uid)
        return index if index < len(uids) and uids[index] == uid else -1

    def row(self, position: int) -> int:
        """The index into ``columns``; -1 when the message is gone and the client counts it still."""
        return self.columns.position(self.uids[position]) if self._gone else position

    def ranges(self, numbers: NumberSet, *, uid: bool) -> list[range]:
        """The indexes into ``uids``, ascending and disjoint. UIDs that do not exist are left out; raises Bad for such numbers."""
        self._session.check_numbers(uid=uid)
        if numbers.saved:
            return self.places(self.saved or ())
        uids = self.uids
        if uid:
            pairs = numbers.resolved(uids[-1] if uids else 0)
            found = (range(bisect_left(uids, low), bisect_right(uids, high)) for low, high in pairs)
            return [one for one in found if one]
        self._check(numbers)
        return [range(low - 1, high) for low, high in numbers.resolved(len(uids))]

    def _check(self, numbers: NumberSet) -> None:
        """RFC 9051 section 6.4.5: a number beyond the last message is an error, in an empty mailbox ``*`` too."""
        count = len(self.uids)
        for pair in numbers.ranges:
            if any(one > count and (one != STAR or not count) for one in pair):
                raise Bad("there is no message of that number")

    def places(self, uids: Iterable[int]) -> list[range]:
        """The indexes of these UIDs, in any order; those that the client does not know are left out."""
        found: list[range] = []
        for index in sorted(index for uid in uids if (index := self.position(uid)) >= 0):
            if found and found[-1].stop == index:
                found[-1] = range(found[-1].start, index + 1)
            else:
                found.append(range(index, index + 1))
        return found

    def head(self, position: int) -> bytes:
        """How a FETCH response about a message begins; its items and ``)`` CRLF follow."""
        if self._session.uidonly:
            return b"* %d UIDFETCH (" % self.uids[position]  # RFC 9586 section 3.2
        return b"* %d FETCH (" % (position + 1)

    # --- what has happened

    def refresh(self, mine: Flagged | None = None) -> bool:
        """Look at the store: afterwards ``columns`` is the newest snapshot, and what is new in it is pending.

        ``mine``: changes of flags that this session has just made. True when nobody else has changed anything meanwhile: then they are
        not pending. Raises Bye when the mailbox is gone.
        """
        try:
            columns = self._session.context.columns.current(self.folder.id)
            alone = mine is not None and mine.before == self._seen and mine.modseq == columns.modseq
            if columns is not self._columns:
                self._adopt(columns, news=columns.modseq != self._seen and not alone)
        except KeyError:
            raise Bye(GONE) from None
        return alone

    def told(self, uids: Iterable[int], modseq: int) -> None:
        """The client knows the flags of these messages as of ``modseq``."""
        if not self._changed:
            return
        if self._columns is None or modseq >= self._columns.modseq:
            self._changed.difference_update(uids)
            return
        columns = self._columns
        self._changed.difference_update(uid for uid in uids if (row := columns.position(uid)) < 0 or columns.modseqs[row] <= modseq)

    @property
    def changed(self) -> set[int]:
        """UIDs whose flags the client does not know."""
        return self._changed

    @property
    def gone(self) -> Sequence[int]:
        """UIDs of messages that are gone and that the client counts still, ascending."""
        return self._gone

    @property
    def pending(self) -> bool:
        """Whether there is something to tell but new messages."""
        return bool(self._gone or self._changed)

    @property
    def announced(self) -> int:
        """All UIDs below it have been told of."""
        return self._next

    @property
    def seen(self) -> int:
        """The modseq up to which everything is told or pending."""
        return self._seen

    @property
    def known(self) -> int:
        """A modseq up to which the client has been told everything."""
        untold = self.pending or (self._columns is not None and self._columns.uidnext > self._next)
        return self.folder.modseq if untold else self._seen

    def _adopt(self, columns: Columns, *, news: bool) -> None:
        if news:
            self._changed.update(uid for uid, *_ in self._since(columns) if uid < self._next)
        if self.exists - len(self._gone) != bisect_left(columns.uids, self._next):
            self._gone = sorted({*self._gone, *self._missing(columns)})
            if self.exists - len(self._gone) != bisect_left(columns.uids, self._next):
                raise Bye(LOST)  # the history does not go back to when this view came to rest
        self._columns, self._uids, self._seen = columns, None, columns.modseq

    def _since(self, columns: Columns) -> list[Change]:
        """What may have other flags than the client knows; more than that is no fault.

        A snapshot has all changes up to its modseq, and may have later ones, which count as news once more with the next.
        """
        old = self._columns
        if old is not None and columns.modseqs[: len(old)] == old.modseqs:
            return []
        return columns.since(self._seen)

    def _missing(self, columns: Columns) -> Iterable[int]:
        """The UIDs that the client knows and the snapshot has no more."""
        if self._columns is not None:
            return lost(self.uids, columns.uids)
        expunged = self._session.context.columns.expunged(self.folder.id, self._seen, [(1, self._next - 1)])
        return (uid for uid in expunged if columns.position(uid) < 0)


def lost(old: Sequence[int], new: Sequence[int]) -> set[int]:
    """What is in ``old`` and not in ``new``, both ascending: what is equal at both ends is passed over in blocks."""
    first, last = 0, 0
    shorter = min(len(old), len(new))
    while first + BLOCK <= shorter and old[first : first + BLOCK] == new[first : first + BLOCK]:
        first += BLOCK
    while (
        last + BLOCK <= shorter - first and old[len(old) - last - BLOCK : len(old) - last] == new[len(new) - last - BLOCK : len(new) - last]
    ):
        last += BLOCK
    return set(old[first : len(old) - last]).difference(new[first : len(new) - last])
