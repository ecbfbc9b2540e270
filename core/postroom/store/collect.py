"""Removes blobs that nothing refers to any more, and drafts that a crash left behind."""

from __future__ import annotations

from .database import Database, Tx
from .fulltext.places import forget
from .headings import FORGET as FORGET_HEADING

DRAFT_MS = 24 * 3600 * 1000  # nobody takes a day to send a message: a draft this old has no owner
STEP = 50  # blobs in one transaction: bounds how long it holds up the writes beside it

CANDIDATES = f"SELECT DISTINCT blob_id FROM loose WHERE blob_id > ? ORDER BY blob_id LIMIT {STEP}"
LOCK = "SELECT id FROM blob WHERE id = ? FOR UPDATE SKIP LOCKED"  # PostgreSQL: skipped = somebody is about to refer to it, or drops it
FORGET = "DELETE FROM loose WHERE blob_id = ?"
DELETE = (
    "DELETE FROM blob WHERE id = ? AND complete = 1 AND NOT EXISTS (SELECT 1 FROM message WHERE blob_id = blob.id)"
    " AND NOT EXISTS (SELECT 1 FROM outgoing WHERE blob_id = blob.id)"
    " AND NOT EXISTS (SELECT 1 FROM expunged WHERE blob_id = blob.id) RETURNING id"
)
GONE = "DELETE FROM loose WHERE blob_id = ? AND NOT EXISTS (SELECT 1 FROM blob WHERE id = blob_id)"
FORGET_KEPT = "DELETE FROM kept WHERE kind IN (SELECT id FROM kept_kind) AND blob_id = ?"  # by the kinds, which the key begins with
DELETE_CHUNKS = "DELETE FROM chunk WHERE blob_id = ?"
ABANDONED = f"SELECT id FROM blob WHERE complete = 0 AND created < ? LIMIT {STEP}"
DELETE_INCOMPLETE = "DELETE FROM blob WHERE id = ? AND complete = 0 RETURNING id"


def collect(db: Database, now: float) -> int:
    """Remove what nobody refers to; ``now`` in epoch seconds. Returns how many blobs went. Safe beside any other work.

    Only blobs noted in ``loose`` are looked at, so the cost follows the deletions and not the size of the store.
    """
    return _loose(db) + _abandoned(db, int(now * 1000) - DRAFT_MS)


def drop_incomplete(tx: Tx, blob_id: int) -> bool:
    """Remove a draft with its chunks unless it is complete by now; False when there was nothing to remove."""
    if tx.one(DELETE_INCOMPLETE, (blob_id,)) is None:
        return False
    tx.do(DELETE_CHUNKS, (blob_id,))
    return True


def _loose(db: Database) -> int:
    removed, last = 0, 0
    while True:
        after = last
        ids = [row[0] for row in db.read_slow(lambda tx, after=after: tx.execute(CANDIDATES, (after,)))]  # type: ignore[misc]
        if not ids:
            return removed
        removed += db.write(lambda tx, ids=ids: sum(_remove(tx, blob_id) for blob_id in ids))  # type: ignore[misc]
        last = ids[-1]


def _remove(tx: Tx, blob_id: int) -> bool:
    if tx.dialect == "postgresql" and tx.one(LOCK, (blob_id,)) is None:
        tx.do(GONE, (blob_id,))
        return False
    tx.do(FORGET, (blob_id,))  # before looking: a reference dropped after this statement is noted anew
    if tx.one(DELETE, (blob_id,)) is None:
        return False
    for statement in (DELETE_CHUNKS, FORGET_HEADING, FORGET_KEPT):
        tx.do(statement, (blob_id,))
    forget(tx, blob_id)
    return True


def _abandoned(db: Database, before: int) -> int:
    removed = 0
    while ids := [row[0] for row in db.read_slow(lambda tx: tx.execute(ABANDONED, (before,)))]:
        removed += db.write(lambda tx, ids=ids: sum(drop_incomplete(tx, blob_id) for blob_id in ids))  # type: ignore[misc]
    return removed
