"""Folders and the messages in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from .appending import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, SPECIAL, append, append_to, make
from .blobs import CHUNK, Blobs
from .database import Database, Tx
from .expunge import expunge
from .uids import clauses, ranges

__all__ = [
    "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "SPECIAL", "Content", "Entry", "Folder", "Mailboxes", "append", "append_to", "make",
]  # fmt: skip

FOLDER = (
    "SELECT id, account_id, path, uidvalidity, uidnext, modseq, special, messages, unseen, deleted, bytes, recent, keywords, horizon,"
    " digested FROM mailbox"
)
FIND = f"{FOLDER} WHERE account_id = ? AND path = ?"
BY_ID = f"{FOLDER} WHERE id = ?"
LISTING = "SELECT uid, size, flags, hidden, received_at FROM message WHERE mailbox_id = ? ORDER BY uid"
FROM = "FROM message JOIN blob ON blob.id = blob_id WHERE mailbox_id = ? AND"
WHOLE = f"SELECT prefix, blob_id, data, blob.size {FROM} uid = ?"
HEAD = f"SELECT prefix, blob_id, substr(data, 1, CAST(? AS INTEGER)) {FROM} uid = ?"
SEVERAL = f"SELECT uid, prefix, blob_id, data, blob.size {FROM}"
TOUCH = "UPDATE mailbox SET modseq = modseq + 1 WHERE id = ?"
HIDE = "UPDATE message SET hidden = 1 WHERE mailbox_id = ? AND uid = ?"
COUNT = "SELECT count(*) FROM message WHERE mailbox_id = ? AND uid >= ? AND uid < ?"
RECENT = "SELECT recent, uidnext, account_id FROM mailbox WHERE id = ?"
CLAIM = "UPDATE mailbox SET recent = ? WHERE id = ? AND recent = ? RETURNING id"


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
    messages: int = 0
    unseen: int = 0
    deleted: int = 0  # messages with the flag \Deleted
    bytes: int = 0  # of all messages
    recent: int = 1  # first UID that no session has been told of
    keywords: str = ""  # all that were ever used, separated by spaces
    horizon: int = 0  # highest modseq whose expunges are forgotten
    digested: int = 0  # highest UID whose content is digested


class Entry(NamedTuple):
    """One message of a listing; a tuple because a mailbox may hold a hundred thousand."""

    uid: int
    size: int  # bytes of prefix and blob
    flags: int
    hidden: int
    received_at: int  # milliseconds since 1970


class Content(NamedTuple):
    """The bytes of a message: ``prefix``, then the blob, of which ``first`` is the first chunk (256 KB at most)."""

    uid: int
    prefix: bytes
    blob_id: int
    first: bytes
    blob_size: int


class Mailboxes:
    """Reads and changes folders; one call is one transaction. ``recover``: what is deleted can be had back for a while."""

    def __init__(self, db: Database, blobs: Blobs, *, recover: bool = True, clock: Callable[[], float] = time.time) -> None:
        self.db = db
        self.blobs = blobs
        self.recover = recover
        self.clock = clock

    def find(self, account_id: int, folder: str) -> Folder | None:
        """The folder of that path, or None."""
        row = self.db.read(lambda tx: tx.one(FIND, (account_id, folder)))
        return None if row is None else Folder(*row)

    def by_id(self, mailbox_id: int) -> Folder | None:
        """The folder of that id, or None."""
        row = self.db.read(lambda tx: tx.one(BY_ID, (mailbox_id,)))
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

    def contents(self, mailbox_id: int, uids: Sequence[int]) -> list[Content]:
        """Several messages by one short read, in the order of UIDs; those that are gone are left out.

        The caller bounds how many bytes that is: for each message prefix and first chunk.
        """

        def work(tx: Tx) -> list[Content]:
            wanted = clauses(ranges(uids))
            rows = [row for clause, params in wanted for row in tx.execute(f"{SEVERAL} {clause} ORDER BY uid", (mailbox_id, *params))]
            return [Content(uid, bytes(prefix), blob, bytes(first), size) for uid, prefix, blob, first, size in rows]

        return self.db.read(work)

    def count(self, mailbox_id: int, first: int, before: int) -> int:
        """How many messages there are from UID ``first`` to below ``before``."""
        row = self.db.read_slow(lambda tx: tx.one(COUNT, (mailbox_id, first, before)))
        return 0 if row is None else int(row[0])

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
        wanted, now = ranges(uids), int(self.clock() * 1000)
        if wanted:
            self.db.write(lambda tx: expunge(tx, mailbox_id, wanted, recover=self.recover, at=now), locks=self._owner(mailbox_id))

    def hide(self, mailbox_id: int, uids: Sequence[int]) -> None:
        """Keep messages on the server but out of POP3's sight."""
        rows = [(mailbox_id, uid) for uid in sorted(uids)]

        def work(tx: Tx) -> None:
            tx.do(TOUCH, (mailbox_id,))  # first: whoever holds this row has the mailbox to itself
            tx.many(HIDE, rows)

        if rows:
            self.db.write(work, locks=self._owner(mailbox_id))

    def claim_recent(self, mailbox_id: int) -> int:
        """The first UID that is recent now (RFC 3501 section 2.3.2); from now on none is. 0 when the mailbox is gone.

        Writes only when something new has come; of two who ask at once only one is told.
        """
        while True:
            row = self.db.read(lambda tx: tx.one(RECENT, (mailbox_id,)))
            if row is None:
                return 0
            recent, uidnext, account = row
            claim = (uidnext, mailbox_id, recent)
            if recent >= uidnext or self._claimed(claim, account):
                return int(recent)

    def _claimed(self, claim: tuple[int, int, int], account_id: int) -> bool:
        return self.db.write(lambda tx: tx.one(CLAIM, claim), locks=(account_id,)) is not None

    def _owner(self, mailbox_id: int) -> tuple[int, ...]:
        folder = self.by_id(mailbox_id)
        return () if folder is None else (folder.account_id,)
