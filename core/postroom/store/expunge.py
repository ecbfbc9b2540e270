"""Messages leave mailboxes: what is removed stays among the expunged until housekeeping forgets it."""

from __future__ import annotations

from collections.abc import Iterable

from .database import Row, Tx
from .uids import clauses, ranges

HELD = "modseq, deleted"
LOCK = f"SELECT {HELD} FROM mailbox WHERE id = ?"
LOCK_ROW = f"{LOCK} FOR UPDATE"  # PostgreSQL: whoever holds this row has the mailbox to itself; SQLite has one writer anyway

COLUMNS = "mailbox_id, uid, modseq, expunged_at, blob_id, size, prefix, received_at, flags, keywords, trace, saved_at, email, own"
KEEP = (
    f"INSERT INTO expunged ({COLUMNS}) SELECT mailbox_id, uid, CAST(? AS BIGINT), CAST(? AS BIGINT), blob_id, size, prefix, received_at,"
    " flags, keywords, trace, saved_at, email, own FROM message WHERE mailbox_id = ?"
)
NOTE = (  # that it was there, and no more
    f"INSERT INTO expunged ({COLUMNS}) SELECT mailbox_id, uid, CAST(? AS BIGINT), CAST(? AS BIGINT), 0, size, CAST('' AS {{bytes}}), 0,"
    " flags, '', 0, 0, 0, 0 FROM message WHERE mailbox_id = ?"
)
CHOSEN = "SELECT uid, flags, size FROM message WHERE mailbox_id = ?"
REMOVE = "DELETE FROM message WHERE mailbox_id = ?"
MARKED = " AND flags & 8 <> 0"  # \Deleted
COUNT = "UPDATE mailbox SET modseq = ?, messages = messages - ?, unseen = unseen - ?, deleted = deleted - ?, bytes = bytes - ? WHERE id = ?"


def lock(tx: Tx, mailbox_id: int) -> Row | None:
    """Take the mailbox for the rest of the transaction: its modseq and how many messages are marked as deleted; None when it is gone."""
    return tx.one(LOCK if tx.dialect == "sqlite" else LOCK_ROW, (mailbox_id,))


def expunge(
    tx: Tx,
    mailbox_id: int,
    uids: Iterable[int] | Iterable[tuple[int, int]],
    *,
    only_deleted: bool = False,
    recover: bool = True,
    at: int,
) -> list[int]:
    r"""Remove messages, given as UIDs or ranges of UIDs; returns the UIDs that were really removed, ascending.

    ``only_deleted``: only those with the flag \Deleted. ``recover``: they can be had back. ``at``: ms. When there is nothing to
    remove, nothing changes, not even the modseq.
    """
    held = lock(tx, mailbox_id)
    if held is None or (only_deleted and not held[1]):
        return []
    marked = MARKED if only_deleted else ""
    gone: list[Row] = []
    for clause, params in clauses(ranges(uids)):
        gone += _remove(tx, f" AND {clause}{marked}", (mailbox_id, *params), (held[0] + 1, at), recover)
    if gone:
        flags = [row[1] for row in gone]
        unseen, deleted = sum(1 - (one & 1) for one in flags), sum(one >> 3 & 1 for one in flags)
        tx.do(COUNT, (held[0] + 1, len(gone), unseen, deleted, sum(row[2] for row in gone), mailbox_id))
    return sorted(row[0] for row in gone)


def _remove(tx: Tx, condition: str, which: tuple[int, ...], stamp: tuple[int, int], recover: bool) -> list[Row]:
    note = KEEP if recover else NOTE.format(bytes="BLOB" if tx.dialect == "sqlite" else "BYTEA")
    rows = tx.execute(f"{CHOSEN}{condition}", which)  # by itself: RETURNING from ten thousand rows takes SQLite three times as long
    if rows:
        tx.do(f"{note}{condition}", (*stamp, *which))
        tx.do(f"{REMOVE}{condition}", which)
    return rows
