"""Folders and the messages in them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from postroom.ids import new_id

from .blobs import CHUNK, Blobs
from .database import Conflict, Database, Tx

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = 1, 2, 4, 8, 16

SPECIAL = {"INBOX": "", "Drafts": "\\Drafts", "Sent": "\\Sent", "Junk": "\\Junk", "Trash": "\\Trash", "Archive": "\\Archive"}  # RFC 6154

TAKE_UID = (
    "UPDATE mailbox SET uidnext = uidnext + 1, modseq = modseq + 1 WHERE account_id = ? AND path = ? RETURNING id, uidnext - 1, modseq"
)
COLUMNS = "mailbox_id, uid, modseq, blob_id, size, prefix, received_at, flags, keywords, hidden, trace"
INSERT = f"INSERT INTO message ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)"
APPEND_AT_ONCE = (  # PostgreSQL: one round trip instead of two
    f"WITH box AS ({TAKE_UID.replace('uidnext - 1', 'uidnext - 1 AS uid')}) INSERT INTO message ({COLUMNS})"
    " SELECT id, uid, modseq, ?, ?, ?, ?, ?, ?, 0, ? FROM box RETURNING mailbox_id, uid"
)
MAKE = (
    "INSERT INTO mailbox (id, account_id, path, uidvalidity, uidnext, modseq, special)"
    " SELECT ?, id, ?, ?, 1, 1, ? FROM account WHERE id = ? ON CONFLICT (account_id, path) DO NOTHING"
)
FIND = "SELECT id, account_id, path, uidvalidity, uidnext, modseq, special FROM mailbox WHERE account_id = ? AND path = ?"
LISTING = "SELECT uid, size, flags, hidden, received_at FROM message WHERE mailbox_id = ? ORDER BY uid"
ONE = "FROM message JOIN blob ON blob.id = blob_id WHERE mailbox_id = ? AND uid = ?"
WHOLE = f"SELECT prefix, blob_id, data, blob.size {ONE}"
HEAD = f"SELECT prefix, blob_id, substr(data, 1, CAST(? AS INTEGER)) {ONE}"
DELETE = "DELETE FROM message WHERE mailbox_id = ? AND uid = ?"
HIDE = "UPDATE message SET hidden = 1 WHERE mailbox_id = ? AND uid = ?"
TOUCH = "UPDATE mailbox SET modseq = modseq + 1 WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox as it was when looked at."""

    id: int
    account_id: int
    path: str
    uidvalidity: int
    uidnext: int
    modseq: int
    special: str


class Entry(NamedTuple):
    """One message of a listing; a tuple because a mailbox may hold a hundred thousand."""

    uid: int
    size: int  # bytes of prefix and blob
    flags: int
    hidden: int
    received_at: int  # milliseconds since 1970


def append(
    tx: Tx,
    account_id: int,
    folder: str,
    *,
    blob_id: int,
    size: int,
    prefix: bytes,
    received_at: int,
    flags: int = 0,
    keywords: str = "",
    trace: int = 0,
) -> tuple[int, int]:
    """Put a message into a folder, which is made when missing; returns its mailbox id and UID.

    Appends to several accounts in one transaction belong in the order of account ids (two of them in opposite orders would
    block each other on PostgreSQL). Raises Conflict when the account is gone.
    """
    values = (blob_id, size, prefix, received_at, flags, keywords, trace)
    added = _append(tx, account_id, folder, values)
    if added is None:
        make(tx, account_id, folder)
        added = _append(tx, account_id, folder, values)
    if added is None:
        raise Conflict(f"there is no account {account_id} any more")
    return added


def _append(tx: Tx, account_id: int, folder: str, values: tuple[int, int, bytes, int, int, str, int]) -> tuple[int, int] | None:
    if tx.dialect == "postgresql":
        row = tx.one(APPEND_AT_ONCE, (account_id, folder, *values))
        return None if row is None else (row[0], row[1])
    row = tx.one(TAKE_UID, (account_id, folder))
    if row is None:
        return None
    tx.do(INSERT, row + values)
    return row[0], row[1]


def make(tx: Tx, account_id: int, folder: str) -> None:
    """Make a folder unless it exists.

    UIDVALIDITY is the second of its making, so a folder made anew has a higher one (RFC 3501 section 2.3.1.1).
    """
    tx.do(MAKE, (new_id(), folder, int(time.time()), SPECIAL.get(folder, ""), account_id))


class Mailboxes:
    """Reads and changes folders; one call is one transaction."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self.db = db
        self.blobs = blobs

    def find(self, account_id: int, folder: str) -> Folder | None:
        """The folder of that path, or None."""
        row = self.db.read(lambda tx: tx.one(FIND, (account_id, folder)))
        return None if row is None else Folder(*row)

    def listing(self, mailbox_id: int) -> list[Entry]:
        """All messages in the order of UIDs, hidden ones too."""
        return self.db.read_slow(lambda tx: list(map(Entry._make, tx.execute(LISTING, (mailbox_id,)))))

    def content(self, mailbox_id: int, uid: int) -> Iterator[bytes]:
        """The message from its first to its last byte, in chunks. Raises KeyError when it is gone."""
        row = self.db.read(lambda tx: tx.one(WHOLE, (mailbox_id, uid)))
        if row is None:
            raise KeyError((mailbox_id, uid))
        prefix, blob_id, first, size = row
        return chain([bytes(prefix)] if prefix else [], self.blobs.following(blob_id, bytes(first), size))

    def head(self, mailbox_id: int, uid: int, length: int) -> bytes:
        """The first ``length`` bytes of the message. Raises KeyError when it is gone."""
        row = self.db.read(lambda tx: tx.one(HEAD, (min(length, CHUNK), mailbox_id, uid)))
        if row is None:
            raise KeyError((mailbox_id, uid))
        found = (bytes(row[0]) + bytes(row[2] or b""))[:length]
        missing = length - len(found) if len(found) >= CHUNK else 0
        return found + self.blobs.part(row[1], CHUNK, missing) if missing else found

    def delete(self, mailbox_id: int, uids: Sequence[int]) -> None:
        """Remove messages; those already gone do not matter."""
        self._change(DELETE, mailbox_id, uids)

    def hide(self, mailbox_id: int, uids: Sequence[int]) -> None:
        """Keep messages on the server but out of POP3's sight."""
        self._change(HIDE, mailbox_id, uids)

    def _change(self, sql: str, mailbox_id: int, uids: Sequence[int]) -> None:
        rows = [(mailbox_id, uid) for uid in sorted(uids)]

        def work(tx: Tx) -> None:
            tx.do(TOUCH, (mailbox_id,))  # first: whoever holds this row has the mailbox to itself
            tx.many(sql, rows)

        if rows:
            self.db.write(work)
