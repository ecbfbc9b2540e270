"""Deleted messages come back, into folders that are made again when they are gone too."""

from __future__ import annotations

from typing import NamedTuple

from .appending import COLUMNS, make
from .copying import LOCK_BOTH, spell
from .database import Conflict, Database, Row, Tx

PLACES = (  # folders of an account that have lost messages which can be had back, those that are gone as well
    "SELECT place.id, place.path, place.special, count(*) FROM (SELECT id, path, special FROM mailbox WHERE account_id = ?"
    " UNION ALL SELECT id, path, special FROM deleted_mailbox WHERE account_id = ?) place"
    " JOIN expunged ON expunged.mailbox_id = place.id WHERE expunged.expunged_at >= ? AND blob_id <> 0"
    " GROUP BY place.id, place.path, place.special ORDER BY place.path, place.id"
)
FIND = "SELECT id FROM mailbox WHERE account_id = ? AND path = ?"
LOCK = "SELECT uidnext, modseq, keywords FROM mailbox WHERE id = ?"
LOST = "FROM expunged WHERE mailbox_id = ? AND expunged_at >= ? AND blob_id <> 0"
CHOSEN = f"SELECT flags, size, keywords {LOST}"
CHOSEN_ROWS = f"{CHOSEN} FOR UPDATE"  # PostgreSQL: against housekeeping, which does not lock mailboxes
RESTORE = (
    f"INSERT INTO message ({COLUMNS}) SELECT CAST(? AS BIGINT), CAST(? AS BIGINT) + row_number() OVER (ORDER BY uid), CAST(? AS BIGINT),"
    f" blob_id, size, prefix, received_at, flags & ~8, keywords, 0, trace, CAST(? AS BIGINT), email, own, 0 {LOST}"  # without \Deleted
)
COUNT = (
    "UPDATE mailbox SET uidnext = uidnext + ?, modseq = ?, messages = messages + ?, unseen = unseen + ?, bytes = bytes + ?, keywords = ?"
    " WHERE id = ?"
)
TAKEN = "UPDATE expunged SET blob_id = 0, prefix = CAST('' AS {bytes}) WHERE mailbox_id = ? AND expunged_at >= ? AND blob_id <> 0"


class Restored(NamedTuple):
    """What came back into one folder."""

    folder: str
    mailbox_id: int  # of the folder now; 0 when it is yet to be made
    messages: int


def recoverable(db: Database, account_id: int, since: int, *, folder: str = "") -> list[Restored]:
    """What ``undelete`` would do. Raises StoreUnavailable."""

    def work(tx: Tx) -> list[Restored]:
        found: dict[str, Restored] = {}
        for _, path, _, count in _places(tx, account_id, since, folder):
            before = found[path].messages if path in found else 0
            found[path] = Restored(path, (tx.one(FIND, (account_id, path)) or (0,))[0], before + count)
        return list(found.values())

    return db.read_slow(work)


def undelete(db: Database, account_id: int, since: int, *, folder: str = "", at: int) -> list[Restored]:
    """Put back what was deleted since then, with new UIDs; each folder in a transaction of its own.

    ``since`` and ``at`` (now): ms. ``folder``: only what was in that one. Raises StoreUnavailable, Conflict when the account is gone.
    """
    found: dict[str, Restored] = {}
    for place in db.read_slow(lambda tx: _places(tx, account_id, since, folder)):
        mailbox_id, count = db.write(lambda tx, place=place: _restore(tx, account_id, place, since, at), locks=(account_id,))  # type: ignore[misc]
        if count:
            before = found[place[1]].messages if place[1] in found else 0
            found[place[1]] = Restored(place[1], mailbox_id, before + count)
    return list(found.values())


def _places(tx: Tx, account_id: int, since: int, folder: str) -> list[Row]:
    rows = tx.execute(PLACES, (account_id, account_id, since))
    return [row for row in rows if not folder or row[1] == folder]


def _restore(tx: Tx, account_id: int, place: Row, since: int, at: int) -> tuple[int, int]:
    """Fill one folder again: its id and how many messages came back."""
    source, path, special, _ = place
    row = tx.one(FIND, (account_id, path))
    if row is None:
        make(tx, account_id, path, special=special)
        row = tx.one(FIND, (account_id, path))
    if row is None:
        raise Conflict(f"there is no account {account_id} any more")
    target = int(row[0])
    if tx.dialect == "postgresql":
        tx.execute(LOCK_BOTH, (source, target))
    uidnext, modseq, known = tx.one(LOCK, (target,)) or (0, 0, "")
    lost = tx.execute(CHOSEN if tx.dialect == "sqlite" else CHOSEN_ROWS, (source, since))
    if lost:
        tx.do(RESTORE, (target, uidnext - 1, modseq + 1, at, source, since))
        known = spell(tx, target, uidnext, known, {row[2] for row in lost if row[2]})
        counted = (len(lost), modseq + 1, len(lost), sum(1 - (row[0] & 1) for row in lost), sum(row[1] for row in lost))
        tx.do(COUNT, (*counted, known, target))
        tx.do(TAKEN.format(bytes="BLOB" if tx.dialect == "sqlite" else "BYTEA"), (source, since))
    return target, len(lost)
