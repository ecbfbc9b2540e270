"""Takes out what plugins have given a time to live: mail that nobody needs any more, wherever it stands in the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..store import traces

if TYPE_CHECKING:
    from ..store.database import Database, Tx

EXPIRED = (
    "SELECT id FROM outgoing WHERE delete_at > 0 AND delete_at <= ? AND NOT EXISTS"
    " (SELECT 1 FROM outgoing_recipient WHERE outgoing_id = outgoing.id AND lease_until > ?) LIMIT ?"
)
RECIPIENTS = "DELETE FROM outgoing_recipient WHERE outgoing_id = ?"
LETTER = "DELETE FROM outgoing WHERE id = ?"
AT_ONCE = 500


def expire(db: Database, now: int) -> int:
    """Remove what is past its time (ms) and not being sent at this moment; how many messages. Raises StoreUnavailable."""
    removed = 0
    while found := db.write(lambda tx: _some(tx, now)):
        removed += found
    return removed


def _some(tx: Tx, now: int) -> int:
    numbers = [row[0] for row in tx.execute(EXPIRED, (now, now, AT_ONCE))]
    for number in numbers:
        tx.execute(RECIPIENTS, (number,))
        tx.execute(LETTER, (number,))
        traces.record(tx, number, now, "removed", {"reason": "its time in the queue is up"})
    return len(numbers)
