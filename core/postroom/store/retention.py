"""Forgets deleted messages when their time is over, a few at a time; mailboxes remember how far back they know what has vanished."""

from __future__ import annotations

from collections.abc import Callable

from .database import Database, Row, Tx

STEP = 200  # messages in one transaction: bounds how long it holds up the writes beside it
HISTORY_MS = 24 * 3600 * 1000  # what has vanished is known for a day at least, so that clients need not compare all UIDs (RFC 7162)

OLD = f"SELECT mailbox_id, uid, modseq, expunged_at FROM expunged WHERE expunged_at BETWEEN ? AND ? ORDER BY expunged_at LIMIT {STEP}"
RAISE = "UPDATE mailbox SET horizon = ? WHERE id = ? AND horizon < ?"
FORGET = "DELETE FROM expunged WHERE mailbox_id = ? AND uid = ?"
HELD = (
    "SELECT mailbox_id, uid, blob_id, expunged_at FROM expunged WHERE expunged_at BETWEEN ? AND ? AND blob_id <> 0"
    f" ORDER BY expunged_at LIMIT {STEP}"
)
LET_GO = "UPDATE expunged SET blob_id = 0, prefix = CAST('' AS {bytes}) WHERE mailbox_id = ? AND uid = ?"
LOOSE = "INSERT INTO loose (blob_id) VALUES (?)"
FOLDERS = "DELETE FROM deleted_mailbox WHERE deleted_at < ? AND NOT EXISTS (SELECT 1 FROM expunged WHERE mailbox_id = deleted_mailbox.id)"


def forget(db: Database, now: float, keep: float) -> int:
    """Forget what was deleted more than ``keep`` seconds before ``now`` (epoch seconds); how many messages. To be run under a lease.

    The collector of blobs removes their bytes afterwards. Raises StoreUnavailable.
    """
    at, kept = int(now * 1000), int(keep * 1000)
    forgotten = _steps(db, HELD, at - kept, _let_go) if kept < HISTORY_MS else 0
    forgotten += _steps(db, OLD, at - max(kept, HISTORY_MS), _forget)
    db.write(lambda tx: tx.do(FOLDERS, (at - max(kept, HISTORY_MS),)))
    return forgotten


def _steps(db: Database, sql: str, before: int, work: Callable[[Tx, list[Row]], None]) -> int:
    count = after = 0
    while rows := db.read_slow(lambda tx, after=after: tx.execute(sql, (after, before - 1))):  # type: ignore[misc]
        db.write(lambda tx, rows=rows: work(tx, rows))  # type: ignore[misc]
        count, after = count + len(rows), rows[-1][3]  # what was done with is not looked at again
    return count


def _forget(tx: Tx, rows: list[Row]) -> None:
    highest: dict[int, int] = {}
    for mailbox_id, _, modseq, _ in rows:
        highest[mailbox_id] = max(modseq, highest.get(mailbox_id, 0))
    for mailbox_id, modseq in sorted(highest.items()):  # in the order of ids, as everybody locks them
        tx.do(RAISE, (modseq, mailbox_id, modseq))
    tx.many(FORGET, [(mailbox_id, uid) for mailbox_id, uid, *_ in rows])


def _let_go(tx: Tx, rows: list[Row]) -> None:
    tx.many(LOOSE, [(blob_id,) for _, _, blob_id, _ in rows])
    tx.many(LET_GO.format(bytes="BLOB" if tx.dialect == "sqlite" else "BYTEA"), [(mailbox_id, uid) for mailbox_id, uid, *_ in rows])
