"""Renames folders, with those below them (RFC 9051 section 6.3.6)."""

from __future__ import annotations

from .appending import new_validity
from .copying import move
from .database import Tx
from .folders import (
    INBOX,
    INFERIOR,
    SEPARATOR,
    FolderExists,
    FolderMissing,
    FolderRefused,
    above,
    check_bounds,
    create,
    find,
    has_below,
    hold,
    inferior,
)
from .uids import ALL

BRANCH = f"SELECT path FROM mailbox WHERE {INFERIOR}"
COPY_NOTES = (
    "INSERT INTO annotation (account_id, mailbox_id, entry, value) SELECT account_id, ?, entry, value FROM annotation WHERE mailbox_id = ?"
)
RENAME = "UPDATE mailbox SET path = ? WHERE account_id = ? AND path = ?"
RENAME_BRANCH = f"UPDATE mailbox SET path = ? || substr(path, CAST(? AS INTEGER)) WHERE {INFERIOR}"
# Folders of the first release that were made within one second: under one name after the other their messages would be mistaken
ALIKE = (
    f"SELECT id FROM mailbox WHERE account_id = ? AND (path = ? OR ({INFERIOR})) AND EXISTS ("
    "SELECT 1 FROM mailbox AS other WHERE other.account_id = mailbox.account_id AND other.id <> mailbox.id"
    " AND other.uidvalidity = mailbox.uidvalidity)"
)
VALIDATE = "UPDATE mailbox SET uidvalidity = ? WHERE id = ?"


def rename(tx: Tx, account_id: int, old: str, new: str) -> tuple[int, ...]:
    """Give a folder and all below it another name, and make the folders above that are missing.

    Ids and UIDs stay, and UIDVALIDITY where no other folder of the account has the same. INBOX stays and its messages move to the new
    folder. Returns the ids of the mailboxes whose messages have changed. Raises FolderMissing, FolderExists, FolderRefused,
    TooManyFolders.
    """
    check_bounds(new)
    hold(tx, account_id)
    if old == INBOX:
        return _rename_inbox(tx, account_id, new)
    if new.startswith(old + SEPARATOR):
        raise FolderRefused("a mailbox cannot become inferior to itself")
    if new == old or find(tx, account_id, new) is not None or has_below(tx, account_id, new):
        raise FolderExists(f"there is a folder {new} already")
    below = [str(row[0]) for row in tx.execute(BRANCH, inferior(account_id, old))]
    if not below and find(tx, account_id, old) is None:
        raise FolderMissing(old)
    for path in below:
        check_bounds(new + path[len(old) :])
    _make_above(tx, account_id, new)
    tx.do(RENAME, (new, account_id, old))
    tx.do(RENAME_BRANCH, (new, len(old) + 1, *inferior(account_id, old)))
    for row in tx.execute(ALIKE, (account_id, new, *inferior(account_id, new))):
        tx.do(VALIDATE, (new_validity(tx), row[0]))
    return ()


def _rename_inbox(tx: Tx, account_id: int, new: str) -> tuple[int, ...]:
    inbox = find(tx, account_id, INBOX)
    if inbox is None:
        raise FolderMissing(INBOX)
    filled = create(tx, account_id, new)
    move(tx, inbox.id, ALL, filled.id)
    tx.do(COPY_NOTES, (filled.id, inbox.id))  # RFC 5464 section 4.1
    return inbox.id, filled.id


def _make_above(tx: Tx, account_id: int, path: str) -> None:
    parents = above(path)
    if parents and find(tx, account_id, parents[-1]) is None:
        create(tx, account_id, parents[-1])
