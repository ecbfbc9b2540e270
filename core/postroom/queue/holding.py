"""Ends the holds that began while a message was being sent: what its attempt has left waits from then on for the end of the hold.

Such a recipient is held (``state``) with the end in ``hold_until``: the attempt records its outcome as always and knows nothing of it,
and nobody sends the rest, whether the attempt has failed for now, was given back or has died.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..provided import Job
from .letter import WAITING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..store.database import Database

EVERY = 5.0  # seconds
FOUND = "SELECT 1 FROM outgoing_recipient WHERE hold_until > 0 AND lease_until <= ? LIMIT 1"
WAIT_ON = (
    "UPDATE outgoing_recipient SET state = ?, next_try = CASE WHEN next_try > hold_until THEN next_try ELSE hold_until END,"
    " hold_until = 0, waits_for = ''"  # or it would go when its site is back
    " WHERE hold_until > 0 AND lease_until <= ?"
)


def wait_on(db: Database, now: int) -> None:
    """What was held while it was being sent, and is not any more (``now``: ms), waits for the end of its hold. Raises StoreUnavailable."""
    if db.read(lambda tx: tx.one(FOUND, (now,))) is not None:
        db.write(lambda tx: tx.do(WAIT_ON, (WAITING, now)))


def job(db: Database, clock: Callable[[], float]) -> Job:
    """The job that does so, in one worker of all."""
    return Job("queue-holds", EVERY, lambda: wait_on(db, int(clock() * 1000)))
