"""An account with mail, for tests of what happens to messages."""

from __future__ import annotations

from dataclasses import dataclass

from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.columns import Columns
from postroom.store.copying import copy, move
from postroom.store.database import Database
from postroom.store.expunge import expunge
from postroom.store.flagging import Change, Flagged, change_flags
from postroom.store.mailboxes import Folder, Mailboxes, append
from postroom.store.snapshots import ColumnsCache

LATER = 10_000  # ms: when messages are removed and copied


@dataclass
class Post:
    """One account and what its owner does; everything is committed at once."""

    db: Database
    account: int
    mailboxes: Mailboxes

    def folder(self, path: str = "INBOX") -> Folder:
        """The folder, which must be there."""
        found = self.mailboxes.find(self.account, path)
        assert found is not None
        return found

    def box(self, path: str = "INBOX") -> int:
        """Its id."""
        return self.folder(path).id

    def fill(self, count: int, path: str = "INBOX", *, flags: int = 0, keywords: str = "") -> list[int]:
        """Put so many messages into a folder; their UIDs."""

        def work(tx: object) -> list[int]:
            return [self._append(tx, path, f"{path} {number}".encode(), flags, keywords) for number in range(count)]

        return self.db.write(work)

    def _append(self, tx: object, path: str, body: bytes, flags: int, keywords: str) -> int:
        draft = Blobs(self.db).draft()
        draft.write(body)
        prefix = b"Return-Path: <>\r\n"
        values = {"size": len(prefix) + len(body), "prefix": prefix, "received_at": 7, "flags": flags, "keywords": keywords, "trace": 9}
        return append(tx, self.account, path, blob_id=draft.store(tx), **values)[1]  # type: ignore[arg-type]

    def flag(self, uids: list[int], change: Change, path: str = "INBOX", *, since: int | None = None) -> Flagged:
        """Change flags."""
        return self.db.write(lambda tx: change_flags(tx, self.box(path), uids, change, unchanged_since=since))

    def expunge(self, uids: list[int], path: str = "INBOX", *, marked: bool = False, recover: bool = True, at: int = LATER) -> list[int]:
        """Remove messages."""
        box = self.box(path)
        return self.db.write(lambda tx: expunge(tx, box, uids, only_deleted=marked, recover=recover, at=at))

    def copy(self, uids: list[int], source: str, target: str, *, keep: bool = True) -> list[tuple[int, int]]:
        """Copy messages."""
        boxes = self.box(source), self.box(target)
        return self.db.write(lambda tx: copy(tx, boxes[0], uids, boxes[1], keep_dates_and_flags=keep, at=LATER))

    def move(self, uids: list[int], source: str, target: str) -> list[tuple[int, int]]:
        """Move messages."""
        boxes = self.box(source), self.box(target)
        return self.db.write(lambda tx: move(tx, boxes[0], uids, boxes[1], at=LATER))

    def columns(self, path: str = "INBOX") -> Columns:
        """The folder as a new cache shows it."""
        return ColumnsCache(self.db).current(self.box(path))

    def flags(self, path: str = "INBOX") -> dict[int, tuple[int, str]]:
        """Flags and keywords by UID."""
        shown = self.columns(path)
        return {uid: (shown.flags[n], shown.keywords.get(uid, "")) for n, uid in enumerate(shown.uids)}

    def bodies(self, path: str = "INBOX") -> list[bytes]:
        """The contents of all messages."""
        box = self.box(path)
        return [b"".join(self.mailboxes.content(box, entry.uid)) for entry in self.mailboxes.listing(box)]


def post(db: Database, name: str = "joe") -> Post:
    """A new account."""
    return Post(db, Accounts(db).add(name).id, Mailboxes(db, Blobs(db)))
