"""The snapshots of mailboxes that a worker keeps: brought up to date when asked for, each made once however many sessions want it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from gevent.lock import Semaphore

from .columns import FIELDS, Change, Columns, Delta, chained, empty, extended, flagged, joined, missing, renewed
from .database import Database, Row, Tx
from .flagging import Flagged
from .uids import UidRanges, ascending, clauses, within

PIECE = 5_000  # messages read at a time
SHORT = 300  # rows of a delta that are read on the spot; more are read where they hold up nobody
REMEMBERED = 16  # deltas of a mailbox that are kept for sessions which are that far behind
MESSAGES = 1_000_000  # of all snapshots together
NO_LIMIT = 1 << 40
TRIES = 6  # to find a mailbox at rest
AT_ONCE = 15_000  # changes that a snapshot takes in on the spot
NOBODY = 1 << 63  # instead of a modseq: no delta begins here
FOOTPRINT = 30  # what a snapshot costs beside its messages, counted in messages

HEAD = "SELECT modseq, uidnext, horizon FROM mailbox WHERE id = ?"
ROWS = f"SELECT {FIELDS} FROM message WHERE mailbox_id = ? AND uid >= ? AND uid < ? ORDER BY uid LIMIT ?"
# No order and no bound of UIDs: with either the planners would rather read the whole mailbox than the short index
TOUCHED = "SELECT uid, flags, keywords, modseq FROM message WHERE mailbox_id = ? AND touched = 1 AND modseq > ? LIMIT ?"
EXPUNGED = "SELECT uid FROM expunged WHERE mailbox_id = ? AND modseq > ? LIMIT ?"
EXPUNGED_OF = "SELECT uid FROM expunged WHERE mailbox_id = ? AND modseq > ? AND {clause} ORDER BY uid"
NO_MAILBOX = 0  # the id of a name that is shown as a mailbox and is none: it is empty for ever


class TooMuch(Exception):
    """More has changed than this reader wants to read, or than is known."""


@dataclass(slots=True, eq=False)
class Entry:
    """One mailbox in the cache."""

    columns: Columns | None = None
    exact: bool = False  # the snapshot shows nothing that is newer than its modseq
    lock: Semaphore = field(default_factory=Semaphore)  # one reader at a time
    deltas: list[tuple[int, Delta]] = field(default_factory=list)  # (modseq of the older snapshot, how it became the newer)

    def remember(self, before: int, delta: Delta) -> None:
        """Note the newest delta. A list, because ten thousand mailboxes with a deque each would be six megabytes.

        All of them together stay small beside the snapshot: whoever asks for more is as well served by that.
        """
        deltas = [*self.deltas[1 - REMEMBERED :], (before, delta)]
        room = max(REMEMBERED, len(self.columns or ()) // 4)  # changes
        sizes = accumulate(len(one.changed) + len(one.vanished) for _, one in reversed(deltas))
        kept = sum(size <= room for size in sizes)
        self.deltas = deltas[len(deltas) - kept :]


class ColumnsCache:
    """Snapshots by mailbox, the ones used last; ``limit``: messages of all of them together."""

    def __init__(self, db: Database, limit: int = MESSAGES) -> None:
        self.db = db
        self.limit = limit
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._total = 0

    def current(self, mailbox_id: int) -> Columns:
        """The mailbox as it is now. Raises KeyError when there is none of that id, StoreUnavailable."""
        modseq = self._head(mailbox_id)[0]
        entry = self._entry(mailbox_id)
        columns = entry.columns
        if columns is not None and entry.exact and columns.modseq >= modseq:
            return columns
        with entry.lock:
            return self._renewed(mailbox_id, entry)

    def held(self, mailbox_id: int, modseq: int) -> Columns | None:
        """The mailbox as of that modseq if that is at hand, without reading anything."""
        entry = self._entries.get(mailbox_id)
        return entry.columns if entry is not None and entry.columns is not None and entry.columns.modseq == modseq and entry.exact else None

    def changes(self, mailbox_id: int, since: int) -> Delta:
        """What is different from the mailbox as it was at modseq ``since``; what is new is among the changed.

        Some of it may be known to the asker already. Where expunges that far back are forgotten, it is not
        ``complete``. Raises KeyError when there is no mailbox of that id, StoreUnavailable.
        """
        columns = self.current(mailbox_id)
        if since >= columns.modseq and self._is_exact(columns):
            return Delta(columns.modseq, columns.uidnext, [], [])
        remembered = self._remembered(columns, since)
        if remembered is not None:
            return remembered

        def work(tx: Tx) -> tuple[list[Change], list[int]]:
            gone = tx.execute(EXPUNGED, (mailbox_id, since, NO_LIMIT))
            return columns.since(since), sorted(row[0] for row in gone if columns.position(row[0]) < 0)

        changed, vanished = self.db.read_slow(work)
        return Delta(columns.modseq, columns.uidnext, changed, vanished, since >= self._head(mailbox_id)[2])

    def vanished(self, mailbox_id: int, since: int, known: UidRanges) -> UidRanges:
        """Which of the ``known`` UIDs have gone since that modseq (RFC 7162 section 3.2.5).

        Where expunges that far back are forgotten: which of them do not exist, as section 3.2.5.1 allows. Raises KeyError when there
        is no mailbox of that id, StoreUnavailable.
        """
        columns = self.current(mailbox_id)
        if since >= columns.modseq and self._is_exact(columns):
            return []
        remembered = self._remembered(columns, since)
        if remembered is not None:
            return within(remembered.vanished, known)
        asked = [(first, min(last, columns.uidnext - 1)) for first, last in known if first < columns.uidnext]
        found = self.expunged(mailbox_id, since, asked)
        forgotten = since < self._head(mailbox_id)[2]  # looked at after the expunges: some may have been forgotten meanwhile
        return missing(columns, asked) if forgotten else ascending(found)

    def expunged(self, mailbox_id: int, since: int, known: UidRanges) -> list[int]:
        """Exactly which of the ``known`` UIDs were removed after that modseq, ascending, as far as that is not forgotten."""

        def work(tx: Tx) -> list[int]:
            wanted = ((EXPUNGED_OF.format(clause=clause), params) for clause, params in clauses(known))
            return [row[0] for sql, params in wanted for row in tx.execute(sql, (mailbox_id, since, *params))]

        return self.db.read_slow(work)

    def applied(self, mailbox_id: int, change: Flagged) -> None:
        """A change of flags has been committed: the snapshot need not read what the asker knows. Without it all is right as well."""
        entry = self._entries.get(mailbox_id)
        if entry is None or entry.columns is None or entry.columns.modseq != change.before or len(change.changed) > AT_ONCE:
            return
        if not entry.lock.acquire(blocking=False):
            return
        try:
            old = entry.columns
            told: list[Change] = [(uid, flags, words, change.modseq) for (flags, words), uids in change.states.items() for uid in uids]
            fresh, news = flagged(old, told, change.modseq)
            self._keep(mailbox_id, entry, fresh)
            entry.remember(old.modseq if entry.exact else NOBODY, Delta(change.modseq, old.uidnext, sorted(news), []))
        finally:
            entry.lock.release()

    def forget(self, mailbox_id: int) -> None:
        """Drop the snapshot of a mailbox that is gone."""
        entry = self._entries.pop(mailbox_id, None)
        self._total -= _weight(entry)

    def _is_exact(self, columns: Columns) -> bool:
        entry = self._entries.get(columns.mailbox_id)
        return entry is not None and entry.exact and entry.columns is columns

    def _remembered(self, columns: Columns, since: int) -> Delta | None:
        entry = self._entries.get(columns.mailbox_id)
        found = chained(entry.deltas, since) if entry is not None else None
        return found if found is not None and found.modseq >= columns.modseq else None

    def _head(self, mailbox_id: int) -> Row:
        if mailbox_id == NO_MAILBOX:
            return 1, 1, 0
        row = self.db.read(lambda tx: tx.one(HEAD, (mailbox_id,)))
        if row is None:
            self.forget(mailbox_id)
            raise KeyError(mailbox_id)
        return row

    def _entry(self, mailbox_id: int) -> Entry:
        entry = self._entries.get(mailbox_id)
        if entry is None:
            entry = self._entries[mailbox_id] = Entry()
            self._total += _weight(entry)
        self._entries.move_to_end(mailbox_id)
        return entry

    def _renewed(self, mailbox_id: int, entry: Entry) -> Columns:
        """Read what is new until nothing more comes meanwhile: then the snapshot is exact.

        Whoever remembers a modseq means exactly that state. A snapshot that had shown more would hide it: the next delta from there
        would not have it. So nobody may start at one that is not exact; where changes come too fast, the last one goes out as it is.
        """
        fresh: Columns | None = None
        for _ in range(TRIES):
            old, head = entry.columns, self._head(mailbox_id)
            if old is not None and entry.exact and old.modseq >= head[0]:
                return old
            try:
                if old is None:
                    raise TooMuch
                fresh, delta, exact = self._delta(old, head)
                entry.remember(old.modseq if entry.exact else NOBODY, delta)
            except TooMuch:
                fresh = self._loaded(mailbox_id, head[0], head[1])
                exact = self._head(mailbox_id)[0] == head[0]
                entry.deltas.clear()
            entry.exact = exact
            self._keep(mailbox_id, entry, fresh)
            if exact:
                break
        assert fresh is not None
        return fresh

    def _delta(self, old: Columns, head: Row) -> tuple[Columns, Delta, bool]:
        try:
            return self.db.read(lambda tx: _grown(tx, old, head, SHORT))
        except TooMuch:
            most = max(PIECE, len(old) // 2)
            return self.db.read_slow(lambda tx: _grown(tx, old, head, most))

    def _loaded(self, mailbox_id: int, modseq: int, uidnext: int) -> Columns:
        """All of a mailbox, a piece at a time: between two of them others have their turn."""
        pieces, after = [], 1
        while True:
            piece = self.db.read_slow(lambda tx, after=after: load(tx, mailbox_id, after, uidnext))  # type: ignore[misc]
            pieces.append(piece)
            if len(piece) < PIECE or piece.uids[-1] == uidnext - 1:
                return joined(pieces, modseq, uidnext)
            after = piece.uids[-1] + 1

    def _keep(self, mailbox_id: int, entry: Entry, columns: Columns) -> Columns:
        if self._entries.get(mailbox_id) is not entry:  # forgotten meanwhile
            return columns
        self._total -= _weight(entry)
        entry.columns = columns
        self._total += _weight(entry)
        while self._total > self.limit and len(self._entries) > 1:
            _, dropped = self._entries.popitem(last=False)
            self._total -= _weight(dropped)
        return columns


def read(tx: Tx, old: Columns, head: Row, most: int) -> tuple[Sequence[Change], Sequence[Row], Sequence[int], bool]:
    """What has become of a snapshot: other flags, new messages, expunges, and whether that is all up to ``head`` and nothing later.

    Raises TooMuch when one of them has more than ``most`` rows. Last of all it looks whether all expunges since then are still known:
    they may have been forgotten a moment ago.
    """
    box = old.mailbox_id
    touched = tx.execute(TOUCHED, (box, old.modseq, most + 1))
    fresh = tx.execute(ROWS, (box, old.uidnext, head[1], most + 1)) if head[1] > old.uidnext else []
    gone = tx.execute(EXPUNGED, (box, old.modseq, most + 1))  # last: what is gone by then is not in the snapshot
    now = tx.one(HEAD, (box,))
    if max(len(touched), len(fresh), len(gone)) > most or now is None or now[2] > old.modseq:
        raise TooMuch
    return touched, fresh, [row[0] for row in gone], now[0] == head[0]


def _grown(tx: Tx, old: Columns, head: Row, most: int) -> tuple[Columns, Delta, bool]:
    touched, rows, gone, exact = read(tx, old, head, most)
    return *renewed(old, touched, rows, gone, (head[0], head[1])), exact


def load(tx: Tx, mailbox_id: int, after: int, uidnext: int) -> Columns:
    """One piece of a mailbox, from UID ``after``."""
    return extended(empty(mailbox_id), tx.execute(ROWS, (mailbox_id, after, uidnext, PIECE)), 0, uidnext)


def _weight(entry: Entry | None) -> int:
    return 0 if entry is None else FOOTPRINT + (len(entry.columns) if entry.columns is not None else 0)
