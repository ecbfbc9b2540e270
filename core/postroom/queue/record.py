"""Writes what attempts have led to: one transaction for as many as have finished meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import ids
from ..mail.sending import rank
from ..store import traces
from . import budget
from .letter import BOUNCING
from .outcome import Finished, Ruling, words
from .put import Entry

if TYPE_CHECKING:
    from ..mail.delivery import NotNow
    from ..store.database import Tx
    from .posting import Written
    from .submission import Submission

LOCK = "SELECT id FROM outgoing WHERE id IN ({marks}) ORDER BY id FOR UPDATE"
GONE = "DELETE FROM outgoing_recipient WHERE id IN ({marks})"
GONE_NOW = "DELETE FROM outgoing_recipient WHERE id = ? RETURNING id"
LATER = (
    "UPDATE outgoing_recipient SET attempts = ?, next_try = CASE WHEN state = ? THEN ? ELSE ? END, last_reply = ?, last_server = ?,"
    " last_try = ?, warned = ?, waits_for = ?, lease_owner = '', lease_until = 0 WHERE id = ? AND lease_owner = ?"
)
LEFT = (
    "UPDATE outgoing_recipient SET next_try = CASE WHEN state = ? THEN ? ELSE ? END, last_reply = ?, lease_owner = '', lease_until = 0"
    " WHERE id = ? AND lease_owner = ?"
)
PRIORITY = "UPDATE outgoing SET priority = ? WHERE id = ?"
DELETE_AT = "UPDATE outgoing SET delete_at = ? WHERE id = ?"
RANK = "UPDATE outgoing_recipient SET rank = ? WHERE outgoing_id = ?"
LATER_NOW = LATER + " RETURNING id"
EMPTY = "DELETE FROM outgoing WHERE id IN ({marks}) AND NOT EXISTS (SELECT 1 FROM outgoing_recipient WHERE outgoing_id = outgoing.id)"

# What a Settlement's writer gives back: for each report the result of its Entry, or None when it was not due any more.
Results = list["list[Written] | None"]


class Settlement:
    """The transaction of several rulings. Writing it twice changes nothing the second time, but for a line in the trace."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.rulings: list[Ruling] = []
        self.entries: list[tuple[list[int], Entry]] = []  # recipients that a report is about, and the report; the caller finishes it
        self._events: list[tuple[Any, ...]] = []

    def add(self, ruling: Ruling, prepare: Callable[[Submission], Entry]) -> None:
        """Take in one ruling; ``prepare`` is ``Queue.prepare``."""
        finished = ruling.finished
        letter = finished.task.letter.id
        self.rulings.append(ruling)
        for event, told in ruling.story():
            self._event(letter, finished.at, event, told)
        for notice in ruling.notices:
            detail: dict[str, Any] = {"kind": notice.kind}
            if notice.submission is not None:
                detail["report"] = ids.text(notice.submission.id)
                self.entries.append((notice.ids, prepare(notice.submission)))
            else:
                detail["none"] = notice.note
            self._event(letter, finished.at, "reported", detail)

    def _event(self, letter: int, at: int, event: str, detail: dict[str, Any]) -> None:
        self._events.append(traces.row(letter, at, event, detail))

    @property
    def keys(self) -> list[int]:
        """The accounts whose mailboxes get a report."""
        return [key for _, entry in self.entries for key in entry.keys]

    def writer(self) -> Callable[[Tx], Results]:
        """The function to run in a transaction."""
        about = {number for numbers, _ in self.entries for number in numbers}  # rows whose change decides about a report
        gone = [number for ruling in self.rulings for number in ruling.gone]
        later = {row[-2]: row for ruling in self.rulings for row in self._later_rows(ruling)}
        letters = sorted({ruling.finished.task.letter.id for ruling in self.rulings if ruling.gone})
        plain_gone = [number for number in sorted(gone) if number not in about]
        plain_later = [row for number, row in sorted(later.items()) if number not in about]
        told_gone = [(GONE_NOW, (number,)) for number in sorted(gone) if number in about]
        told = told_gone + [(LATER_NOW, row) for number, row in sorted(later.items()) if number in about]
        writers = [(numbers, entry.writer()) for numbers, entry in self.entries]
        left = [(BOUNCING, at, int(one.until * 1000), words(one), number, self.owner) for number, at, one in self._left()]
        events = self._events

        def write(tx: Tx) -> Results:
            if tx.dialect == "postgresql" and letters:  # or two workers that finish its last two recipients would both leave the letter
                tx.execute(_of(LOCK, letters), letters)
            if plain_gone:
                tx.execute(_of(GONE, plain_gone), plain_gone)
            if plain_later:
                tx.many(LATER, plain_later)
            changed = {row[0] for sql, values in told for row in tx.execute(sql, values)}
            if left:
                tx.many(LEFT, left)
            for ruling in self.rulings:
                budget.settle(tx, ruling.finished.task, ruling.finished.tried, ruling.finished.at)
                self._replan(tx, ruling.finished)
            if letters:
                tx.execute(_of(EMPTY, letters), letters)
            if events:
                traces.record_rows(tx, events)
            return [entry(tx) if changed.intersection(numbers) else None for numbers, entry in writers]

        return write

    def _left(self) -> Iterator[tuple[int, int, NotNow]]:
        for ruling in self.rulings:
            yield from ((one.id, ruling.finished.at, outcome) for one, outcome in ruling.left)

    def _replan(self, tx: Tx, finished: Finished) -> None:
        if finished.delete_at is not None and finished.delete_at != finished.task.letter.delete_at:
            tx.do(DELETE_AT, (finished.delete_at, finished.task.letter.id))
        if finished.priority and finished.priority != finished.task.letter.priority:
            tx.do(PRIORITY, (finished.priority, finished.task.letter.id))
            tx.do(RANK, (rank(finished.priority), finished.task.letter.id))

    def _later_rows(self, ruling: Ruling) -> list[tuple[Any, ...]]:
        finished = ruling.finished
        at, counts = finished.at, 0 if finished.untried else 1
        return [
            (
                one.attempts + counts, BOUNCING, at, due, words(outcome), outcome.server, at, int(warned),
                finished.site if outcome.kind != "answer" else "", one.id, self.owner,
            )
            for one, outcome, due, warned in ruling.waiting
        ]  # fmt: skip


def _of(statement: str, numbers: Sequence[int]) -> str:
    """One statement for all of them: each step of a statement hands Python's lock to and fro between the threads."""
    return statement.format(marks=",".join("?" * len(numbers)))
