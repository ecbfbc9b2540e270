"""Where an account's messages are in the full-text index, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..database import Database, Row, Tx

SIZES = (1, 8, 64, 512)  # blobs asked for at once; the last is repeated, so that few different statements are to be prepared

OF = "SELECT blob_id, volume_id FROM volume_place WHERE account_id = ? AND blob_id IN"
VOLUMES = "SELECT id FROM volume WHERE account_id = ? ORDER BY id"
SHELF = "SELECT id, messages, gone, size FROM volume WHERE account_id = ? ORDER BY id"

REMOVE_PLACES = "DELETE FROM volume_place WHERE blob_id = ? RETURNING volume_id"
COUNT_GONE = "UPDATE volume SET gone = gone + 1 WHERE id = ? RETURNING messages - gone"
REMOVE_EMPTY = "DELETE FROM volume WHERE id = ?"
REMOVE_PIECES = "DELETE FROM volume_piece WHERE id BETWEEN ? AND ?"


class Held(NamedTuple):
    """A volume as the table has it, without what is in it."""

    id: int
    messages: int
    gone: int
    size: int


def of(db: Database, account_id: int, blob_ids: Sequence[int]) -> dict[int, int]:
    """The volumes in which these blobs are, by blob; those in none are left out."""

    def work(tx: Tx) -> list[Row]:
        rows: list[Row] = []
        for start in range(0, len(blob_ids), SIZES[-1]):
            some = list(blob_ids[start : start + SIZES[-1]])
            size = next(size for size in SIZES if size >= len(some))
            some += some[-1:] * (size - len(some))
            rows += tx.execute(f"{OF} ({', '.join('?' * size)})", (account_id, *some))
        return rows

    return dict(db.read_slow(work)) if blob_ids else {}


def volumes(db: Database, account_id: int) -> list[int]:
    """All volumes of an account, the oldest first."""
    return [row[0] for row in db.read_slow(lambda tx: tx.execute(VOLUMES, (account_id,)))]


def shelf(db: Database, account_id: int) -> list[Held]:
    """All volumes of an account with their sizes, the oldest first."""
    return [Held(*row) for row in db.read_slow(lambda tx: tx.execute(SHELF, (account_id,)))]


def forget(tx: Tx, blob_id: int) -> None:
    """A blob is gone: note it in its volumes, and remove those that have no other."""
    for (volume_id,) in tx.execute(REMOVE_PLACES, (blob_id,)):
        left = tx.one(COUNT_GONE, (volume_id,))
        if left is not None and left[0] <= 0:
            tx.do(REMOVE_EMPTY, (volume_id,))
            tx.do(REMOVE_PIECES, (volume_id, volume_id + 7))
