"""Notes that users attach to folders and to the server: METADATA (RFC 5464)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .database import Tx

MOST = 100  # entries of one folder and account
LARGEST = 65_536  # bytes of one value
SHARED = 0  # instead of an account: everybody's
SERVER = 0  # instead of a folder: the server's

ENTRIES = "SELECT entry, value FROM annotation WHERE mailbox_id = ? AND account_id IN (?, ?) ORDER BY entry"
SOME = "SELECT DISTINCT mailbox_id FROM annotation WHERE account_id IN (?, ?) AND mailbox_id IN"
COUNT = "SELECT count(*) FROM annotation WHERE mailbox_id = ? AND account_id = ?"
PUT = (
    "INSERT INTO annotation (account_id, mailbox_id, entry, value) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (mailbox_id, account_id, entry) DO UPDATE SET value = excluded.value"
)
REMOVE = "DELETE FROM annotation WHERE account_id = ? AND mailbox_id = ? AND entry = ?"


class TooManyAnnotations(Exception):
    """The folder has as many entries as one may have."""


def entries(tx: Tx, mailbox_id: int, account_id: int) -> dict[str, bytes]:
    """The shared entries of a folder and those that are private to the account, by name."""
    return {str(row[0]): bytes(row[1]) for row in tx.execute(ENTRIES, (mailbox_id, SHARED, account_id))}


def annotated(tx: Tx, mailbox_ids: Sequence[int], account_id: int) -> set[int]:
    """Those of the folders that have shared entries, or entries that are private to the account."""
    if not mailbox_ids:
        return set()
    marks = ", ".join("?" * len(mailbox_ids))
    rows = tx.execute(f"{SOME} ({marks})", (SHARED, account_id, *mailbox_ids))
    return {int(row[0]) for row in rows}


def put(tx: Tx, mailbox_id: int, account_id: int, values: Mapping[str, bytes | None]) -> None:
    """Set entries, each to its value, or remove it where that is None. ``account_id``: whose entries they are, or SHARED.

    Raises TooManyAnnotations.
    """
    for entry, value in values.items():
        if value is None:
            tx.do(REMOVE, (account_id, mailbox_id, entry))
        else:
            tx.do(PUT, (account_id, mailbox_id, entry, value))
    count = tx.one(COUNT, (mailbox_id, account_id))
    if count is not None and count[0] > MOST:
        raise TooManyAnnotations
