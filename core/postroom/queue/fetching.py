"""Claims what a line may send now: in the order of its coming or as its sender's rules choose, and never more than its rate allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from ..store.database import StoreUnavailable
from . import budget, claim
from .picking import Picking, Taker

if TYPE_CHECKING:
    from ..sending.windows import Rate
    from ..store.blobs import Blobs
    from ..store.database import Database, Tx
    from .letter import Addressee, Letter, Task
    from .line import Line

SMALL = 8 * 1024  # bytes: messages up to this size are read together, so that a full line holds no more than a few megabytes
AGAIN = 5000  # milliseconds: what is under way counts to the end of its lease at first, so there may be room earlier than it seems

Split = Callable[["Line", "Letter", "list[Addressee]"], "list[Task]"]


class Claimed(NamedTuple):
    """What one look has brought."""

    tasks: list[Task]
    more: bool  # there may be more at once


class Fetching:
    """The claims of one worker. ``owner`` names it among all workers of all nodes; ``split`` makes tasks of what is claimed."""

    def __init__(self, db: Database, blobs: Blobs, lines: Sequence[Line], owner: str, split: Split) -> None:
        self.db, self.lines, self.owner = db, lines, owner
        self._blobs, self._split = blobs, split
        self._pickings: dict[str, Picking] = {}
        self._runs: dict[str, int] = {}  # the run that a line was last asked in
        self._full: dict[str, int] = {}  # lines whose rate is used up: when there is room again (ms)

    def due(self, line: Line, now: int, until: int, limit: int) -> Claimed:
        """Claim up to ``limit`` recipients until ``until`` (ms). Raises StoreUnavailable."""
        before = self.before(line)
        if any(self._takes_all(other) for other in before):
            return Claimed([], more=False)
        if line.plain and not before:
            taken = self.db.write(lambda tx: claim.take(tx, line.channel, self.owner, now, until, limit))
            return Claimed(self._tasks(line, taken), sum(len(addressees) for _, addressees in taken) == limit)
        if 0 < self._full.get(line.name, 0) - now <= AGAIN:  # more: the clock was set back
            return Claimed([], more=False)
        picking = self._picking(line)
        try:
            return self._chosen(line, picking, now, until, limit)
        except StoreUnavailable:
            picking.anew()  # what was chosen is not known any more
            raise

    def _chosen(self, line: Line, picking: Picking, now: int, until: int, limit: int) -> Claimed:
        numbers = picking.next(now, line.run_started, limit)
        if not numbers:
            return Claimed([], more=False)
        taken = self.db.write(lambda tx: claim.take_named(tx, numbers, self.owner, now, until))
        tasks, rate = self._tasks(line, taken), line.sender.rules.rate
        if rate is None:
            return Claimed(tasks, more=True)
        allowed, free_at = self.db.write(lambda tx: self._within(tx, line.sender.name, rate, tasks, now, until))
        for task, (count, row) in zip(tasks, allowed, strict=True):
            task.addressees, task.reserved = task.addressees[:count], row
        if free_at:
            picking.anew()  # what was chosen and not taken is to be chosen again
            self._full[line.name] = min(free_at, now + AGAIN)
        return Claimed([task for task in tasks if task.addressees], more=not free_at)

    def _tasks(self, line: Line, taken: claim.Claimed) -> list[Task]:
        self._read([letter for letter, _ in taken if letter.size <= SMALL])
        return [task for letter, addressees in taken for task in self._split(line, letter, addressees)]

    def _read(self, letters: Sequence[Letter]) -> None:
        """Take small messages along: one read for all instead of one each, on the hub."""
        with suppress(StoreUnavailable):  # what is not there now is read when its turn comes
            found = self._blobs.small(sorted({letter.blob_id for letter in letters}), SMALL) if letters else {}
            for letter in letters:
                letter.content = found.get(letter.blob_id)

    def next_due(self, line: Line) -> int | None:
        """When there is work for the line again (ms); None when nothing waits that is not known already. Raises StoreUnavailable."""
        before = self.before(line)
        if any(self._takes_all(other) for other in before):
            return None
        full = self._full.get(line.name, 0)
        looked = -1 if line.plain and not before else self._picking(line).looked
        due = self.db.read(lambda tx: claim.next_due(tx, line.channel, after=looked))
        return full if due is not None and due < full else due

    def give_back(self, tasks: Iterable[Task], due: int) -> None:
        """Let anybody have these tasks from ``due`` (ms) on; nothing of them was sent. Raises StoreUnavailable."""
        some = list(tasks)
        self._return([(due, one.id) for task in some for one in task.addressees], some, due)

    def put_back(self, tasks: Iterable[Task], now: int) -> None:
        """The same, at once and in the order in which they were waiting: the oldest stay in front. Raises StoreUnavailable."""
        some = list(tasks)
        self._return([(max(task.letter.since, one.last_try), one.id) for task in some for one in task.addressees], some, now)

    def _return(self, places: list[tuple[int, int]], tasks: list[Task], now: int) -> None:
        def work(tx: Tx) -> None:
            claim.give_back(tx, places, self.owner)
            for task in tasks:
                budget.settle(tx, task, 0, now)

        self.db.write(work)

    def _picking(self, line: Line) -> Picking:
        picking = self._pickings.get(line.name)
        if picking is None:
            before = [Taker(other.sender.rules.takes, partial(self.largest, other)) for other in self.before(line)]
            picking = Picking(self.db, self._blobs, line.channel, line.sender.rules, partial(self.largest, line), before)
            self._pickings[line.name] = picking
        if self._runs.get(line.name) != line.run_started:
            self._runs[line.name] = line.run_started
            picking.anew()
        return picking

    def before(self, line: Line) -> list[Line]:
        """The permanent lines that are asked before this one, which is permanent too: what one of them takes is not for it."""
        permanent = [other for other in self.lines if other.immediate and other.channel == line.channel]
        return list(takewhile(lambda other: other is not line, permanent)) if line.immediate else []

    def _takes_all(self, line: Line) -> bool:
        return not line.sender.rules.takes and not self.largest(line)

    def largest(self, line: Line) -> int:
        """The largest message that the line takes; one that no line of its channel takes is taken by all, and comes back to its sender."""
        limits = [other.sender.rules.max_size for other in self.lines if other.channel == line.channel]
        own = line.sender.rules.max_size
        return own if own and (0 in limits or own < max(limits)) else 0

    def _within(self, tx: Tx, sender: str, rate: Rate, tasks: Sequence[Task], now: int, until: int) -> tuple[list[tuple[int, int]], int]:
        """Reserve what the rate allows now and give back the rest.

        For each task how many of its recipients may go, with the row that counts them; and when there is room again, 0 when some is left.
        """
        budget.lock(tx, sender)
        counts = budget.affordable([len(task.addressees) for task in tasks], budget.room(tx, sender, rate, now))
        rows = budget.reserve(tx, sender, counts, until)
        over = [one.id for task, count in zip(tasks, counts, strict=True) for one in task.addressees[count:]]
        if over:
            claim.give_back(tx, [(now, number) for number in over], self.owner)
        left = budget.room(tx, sender, rate, now)
        return list(zip(counts, rows, strict=True)), 0 if left.free else int(left.next_at * 1000) + 1
