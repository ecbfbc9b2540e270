"""How much a sender with a rate may still send, counted in the database: exact over workers, nodes and restarts.

What may go is reserved when the mail is claimed, as rows whose time is the end of the claim and moves with it; when the outcome is
known they get the real time, or go when nothing was sent. So no window holds more than the rate says, and a worker that dies gives nothing
back too early.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .. import ids
from ..sending.windows import Rate, Room, Sent

if TYPE_CHECKING:
    from ..store.database import Tx
    from .letter import Task

LOCK = "INSERT INTO state (name, value) VALUES (?, '') ON CONFLICT (name) DO UPDATE SET value = ''"  # one at a time, on PostgreSQL too
COUNTED = "SELECT at, messages, recipients FROM sent WHERE sender = ? AND at > ?"
RESERVE = "INSERT INTO sent (id, sender, at, messages, recipients) VALUES (?, ?, ?, 1, ?)"
HOLD = "UPDATE sent SET at = ? WHERE id = ?"
SETTLE = "UPDATE sent SET at = ?, recipients = ? WHERE id = ?"
RETURN = "DELETE FROM sent WHERE id = ?"
FORGET = "DELETE FROM sent WHERE at < ?"


def room(tx: Tx, sender: str, rate: Rate, now: int) -> Room:
    """What may go now (ms), and when the next may."""
    rows = tx.execute(COUNTED, (sender, now - int(rate.per * 1000)))
    return rate.room([Sent(at / 1000, messages, recipients) for at, messages, recipients in rows], now / 1000)


def lock(tx: Tx, sender: str) -> None:
    """Nobody else reserves until this transaction has ended."""
    tx.execute(LOCK, (f"rate {sender}",))


def affordable(sizes: Sequence[int], free: Room) -> list[int]:
    """How many of the recipients of each message (``sizes``) may go now, in their order."""
    messages = len(sizes) if free.messages is None else free.messages
    recipients = sum(sizes) if free.recipients is None else free.recipients
    allowed = []
    for size in sizes:
        count = min(size, recipients) if messages else 0
        allowed.append(count)
        recipients -= count
        messages -= 1 if count else 0
    return allowed


def reserve(tx: Tx, sender: str, counts: Iterable[int], until: int) -> list[int]:
    """Note messages with so many recipients as under way until ``until`` (ms); the ids of their rows, 0 for those with nobody."""
    numbers = []
    for count in counts:
        numbers.append(ids.new_id() if count else 0)
        if count:
            tx.do(RESERVE, (numbers[-1], sender, until, count))
    return numbers


def hold(tx: Tx, numbers: Iterable[int], until: int) -> None:
    """What these rows count is still under way, until ``until`` (ms) at least."""
    tx.many(HOLD, [(until, number) for number in sorted(numbers)])


def settle(tx: Tx, task: Task, tried: int, at: int) -> None:
    """The outcome of a task is known: ``tried`` recipients were offered to the server at ``at`` (ms), 0 when none were."""
    if task.reserved:
        tx.do(*((SETTLE, (at, tried, task.reserved)) if tried else (RETURN, (task.reserved,))))


def forget(tx: Tx, before: int) -> None:
    """Remove rows that no window reaches any more."""
    tx.do(FORGET, (before,))
