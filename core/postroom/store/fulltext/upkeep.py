"""The full-text index as administrators see it: how far it is, and making it anew."""

from __future__ import annotations

from array import array
from typing import NamedTuple

from ..database import Database, Tx
from . import places
from .places import REMOVE_EMPTY, REMOVE_PIECES

OF_ACCOUNTS = """
    SELECT account.name, account.id, coalesce(sum(mailbox.messages), 0),
        coalesce(sum((SELECT count(*) FROM message WHERE mailbox_id = mailbox.id AND uid > digested)), 0),
        (SELECT count(*) FROM volume WHERE account_id = account.id),
        (SELECT coalesce(sum(size), 0) FROM volume WHERE account_id = account.id)
    FROM account LEFT JOIN mailbox ON mailbox.account_id = account.id GROUP BY account.name, account.id ORDER BY account.name"""
FORGET = "UPDATE mailbox SET digested = 0 WHERE account_id = ? AND digested > 0"
BLOBS = "SELECT blobs FROM volume WHERE id = ?"
REMOVE_PLACE = "DELETE FROM volume_place WHERE blob_id = ? AND account_id = ? AND volume_id = ?"
REMOVE_HEADING = "DELETE FROM heading WHERE blob_id = ?"
OWNERLESS = "SELECT DISTINCT account_id FROM volume WHERE NOT EXISTS (SELECT 1 FROM account WHERE account.id = volume.account_id)"


class State(NamedTuple):
    """The index of one account."""

    name: str
    account_id: int
    messages: int
    waiting: int  # of them: not digested yet
    volumes: int
    size: int  # characters of text


def states(db: Database) -> list[State]:
    """All accounts, by name. Raises StoreUnavailable."""
    return [State(row[0], *map(int, row[1:])) for row in db.read_slow(lambda tx: tx.execute(OF_ACCOUNTS))]


def forget(db: Database, account_id: int) -> None:
    """Drop the index of an account and the headings of its messages: all is to be digested anew. Searches stay right meanwhile."""
    db.write(lambda tx: tx.do(FORGET, (account_id,)))
    for volume_id in places.volumes(db, account_id):
        db.write(lambda tx, volume_id=volume_id: _drop(tx, account_id, volume_id))  # type: ignore[misc]


def forget_ownerless(db: Database) -> None:
    """Drop the indexes of accounts that are gone: what others have too is not removed with its blob."""
    for (account_id,) in db.read_slow(lambda tx: tx.execute(OWNERLESS)):
        forget(db, account_id)


def _drop(tx: Tx, account_id: int, volume_id: int) -> None:
    row = tx.one(BLOBS, (volume_id,))
    if row is None:
        return
    blobs = array("q")
    blobs.frombytes(row[0])
    tx.many(REMOVE_PLACE, [(blob_id, account_id, volume_id) for blob_id in blobs])
    tx.many(REMOVE_HEADING, [(blob_id,) for blob_id in blobs])
    tx.do(REMOVE_PIECES, (volume_id, volume_id + 7))
    tx.do(REMOVE_EMPTY, (volume_id,))
