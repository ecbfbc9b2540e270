"""The tree of an account's folders: looked at and changed.

A folder is a row; the tree is in the paths alone. A name above other folders need not be a folder itself: who deletes a folder
that has inferior ones leaves such a name behind, and it is gone with the last of them (RFC 9051 section 6.3.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import NamedTuple

from postroom.ids import new_id

from . import acl
from .appending import new_validity
from .database import Conflict, Database, Row, Tx
from .expunge import expunge
from .mailboxes import Folder
from .uids import ALL

SEPARATOR = "/"
INBOX = "INBOX"
MOST = 5_000  # folders of one account
LONGEST = 1_000  # bytes of a whole path in UTF-8
DEEPEST = 32  # levels

FIELDS = ", ".join(f"mailbox.{field.name}" for field in fields(Folder))
FIND = f"SELECT {FIELDS} FROM mailbox WHERE account_id = ? AND path = ?"
TREE = f"SELECT {FIELDS} FROM mailbox WHERE account_id = ?"
OF_OTHERS = f"SELECT account.name, {FIELDS} FROM mailbox JOIN account ON account.id = account_id"
INSERT = (
    "INSERT INTO mailbox (id, account_id, path, uidvalidity, uidnext, modseq, special)"
    " SELECT ?, id, ?, ?, 1, 1, ? FROM account WHERE id = ?"
)
COUNT = "SELECT count(*) FROM mailbox WHERE account_id = ?"
SPECIALS = "SELECT special FROM mailbox WHERE account_id = ? AND special <> ''"
SET_SPECIAL = "UPDATE mailbox SET special = ? WHERE id = ?"
INFERIOR = "account_id = ? AND substr(path, 1, CAST(? AS INTEGER)) = ?"  # not LIKE: names may hold % and _
BELOW = f"SELECT 1 FROM mailbox WHERE {INFERIOR} LIMIT 1"
DELETE = "DELETE FROM mailbox WHERE id = ?"
HOLD = "SELECT id FROM account WHERE id = ? FOR NO KEY UPDATE"  # PostgreSQL; SQLite has one writer anyway
DELETED = "INSERT INTO deleted_mailbox (id, account_id, path, special, deleted_at) VALUES (?, ?, ?, ?, ?)"
FORGET = ("DELETE FROM acl WHERE mailbox_id = ?", "DELETE FROM annotation WHERE mailbox_id = ?")


class FolderExists(Conflict):
    """There is a folder of that name, or one below it."""


class FolderMissing(Exception):
    """There is no folder of that name."""


class FolderRefused(Exception):
    """What was asked cannot be done with this name; the text says why."""


class HasInferiors(FolderRefused):
    """The name is no folder, but has some below it."""


class TooManyFolders(Exception):
    """The account has as many folders as it may have."""


class SpecialTaken(Exception):
    """Another folder of the account has this special use already (RFC 6154 section 3)."""


class Shared(NamedTuple):
    """A folder of somebody else."""

    owner: str  # the account's name
    folder: Folder
    rights: frozenset[str]  # letters of RFC 4314


class Folders:
    """Reads and changes trees of folders; one call is one transaction."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def find(self, account_id: int, path: str) -> Folder | None:
        """The folder of that path, or None."""
        return self.db.read(lambda tx: find(tx, account_id, path))

    def tree(self, account_id: int) -> list[Folder]:
        """All folders of an account in the order of paths, INBOX first."""

        def work(tx: Tx) -> list[Folder]:
            found = [Folder(*row) for row in tx.execute(TREE, (account_id,))]
            return sorted(found, key=lambda folder: (folder.path != INBOX, folder.path))

        return self.db.read_slow(work)

    def of_other(self, owner: str, path: str, identifiers: Sequence[str]) -> Shared | None:
        """Somebody else's folder, with what one of these identifiers may do in it; None when there is none."""

        def work(tx: Tx) -> tuple[Row, acl.Entries] | None:
            row = tx.one(f"{OF_OTHERS} WHERE account.name = ? AND path = ?", (owner, path))
            return None if row is None else (row, acl.entries(tx, row[1]))

        found = self.db.read(work)
        return None if found is None else Shared(found[0][0], Folder(*found[0][1:]), acl.rights(found[1], identifiers))

    def shared_with(self, account_id: int, identifiers: Sequence[str]) -> list[Shared]:
        """Everybody else's folders in which one of these identifiers may do anything, in the order of owners and paths."""
        given = f"SELECT mailbox_id FROM acl WHERE identifier IN ({', '.join('?' * len(identifiers))})"

        def work(tx: Tx) -> tuple[list[Row], list[Row]]:
            rows = tx.execute(f"{OF_OTHERS} WHERE mailbox.id IN ({given}) AND account_id <> ?", (*identifiers, account_id))
            lists = f"SELECT mailbox_id, identifier, rights FROM acl WHERE mailbox_id IN ({given})"
            return rows, tx.execute(lists, identifiers) if rows else []

        rows, lists = self.db.read_slow(work)
        entries: dict[int, acl.Entries] = {}
        for mailbox_id, identifier, letters in lists:
            entries.setdefault(mailbox_id, {})[identifier] = letters
        found = [Shared(row[0], Folder(*row[1:]), acl.rights(entries.get(row[1], {}), identifiers)) for row in rows]
        return sorted((one for one in found if one.rights), key=lambda one: (one.owner, one.folder.path != INBOX, one.folder.path))

    def create(self, account_id: int, path: str, special: str = "") -> Folder:
        """Make a folder, and those above it that are missing (RFC 9051 section 6.3.4). ``special``: its uses, separated by spaces.

        Raises FolderExists, FolderRefused, TooManyFolders, SpecialTaken, and Conflict when the account is gone.
        """
        return self.db.write(lambda tx: create(tx, account_id, path, special), locks=(account_id,))

    def delete(self, account_id: int, path: str, at: int) -> Folder:
        """Remove a folder and its messages, which can be had back for a while; returns what it was. ``at``: ms.

        Folders below it stay. Raises FolderMissing, and FolderRefused for INBOX and for a name that is no folder but has some below it.
        """
        return self.db.write(lambda tx: delete(tx, account_id, path, at), locks=(account_id,))


def find(tx: Tx, account_id: int, path: str) -> Folder | None:
    """The folder of that path, or None."""
    row = tx.one(FIND, (account_id, path))
    return None if row is None else Folder(*row)


def hold(tx: Tx, account_id: int) -> None:
    """Take the tree of an account for the rest of the transaction, before any of its mailboxes: two changes of one tree do not mix."""
    if tx.dialect == "postgresql":
        tx.do(HOLD, (account_id,))


def has_below(tx: Tx, account_id: int, path: str) -> bool:
    """Whether any folder is below this name."""
    return tx.one(BELOW, inferior(account_id, path)) is not None


def create(tx: Tx, account_id: int, path: str, special: str = "") -> Folder:
    """Make a folder inside the caller's transaction; see ``Folders.create``."""
    check_bounds(path)
    hold(tx, account_id)
    wanted = [*above(path), path]
    existing = _existing(tx, account_id, wanted)
    if path in existing:
        raise FolderExists(f"there is a folder {path} already")
    missing = [name for name in wanted if name not in existing]
    count = tx.one(COUNT, (account_id,))
    if count is not None and count[0] + len(missing) > MOST:
        raise TooManyFolders(f"there are {MOST} folders already")
    if special:
        claim(tx, account_id, special)
    for name in missing:
        existing[name] = new_id()
        # No two of one UIDVALIDITY: a folder may take the name of another one day
        tx.do(INSERT, (existing[name], name, new_validity(tx), special if name == path else "", account_id))
        parent = name.rpartition(SEPARATOR)[0]
        if parent:
            acl.inherit(tx, existing[name], existing[parent])
    made = find(tx, account_id, path)
    if made is None:
        raise Conflict(f"there is no account {account_id} any more")
    return made


def _existing(tx: Tx, account_id: int, paths: Sequence[str]) -> dict[str, int]:
    marks = ", ".join("?" * len(paths))
    rows = tx.execute(f"SELECT path, id FROM mailbox WHERE account_id = ? AND path IN ({marks})", (account_id, *paths))
    return {str(row[0]): int(row[1]) for row in rows}


def claim(tx: Tx, account_id: int, special: str) -> None:
    """Raises SpecialTaken when a folder of the account has one of these special uses."""
    taken = {use.lower() for row in tx.execute(SPECIALS, (account_id,)) for use in row[0].split()}
    if taken & set(special.lower().split()):
        raise SpecialTaken("another folder has this special use")


def give_special(tx: Tx, folder: Folder, special: str) -> None:
    """Give a folder these special uses instead of those it has; other folders of the account lose them (RFC 6154 section 5.4)."""
    taken = set(special.lower().split())
    for other, uses in tx.execute("SELECT id, special FROM mailbox WHERE account_id = ? AND special <> ''", (folder.account_id,)):
        left = " ".join(use for use in uses.split() if use.lower() not in taken)
        if other != folder.id and left != uses:
            tx.do(SET_SPECIAL, (left, other))
    tx.do(SET_SPECIAL, (special, folder.id))


def delete(tx: Tx, account_id: int, path: str, at: int) -> Folder:
    """Remove a folder inside the caller's transaction; see ``Folders.delete``."""
    if path == INBOX:
        raise FolderRefused("INBOX cannot be deleted")  # RFC 9051 section 6.3.5
    hold(tx, account_id)
    folder = find(tx, account_id, path)
    if folder is None:
        if has_below(tx, account_id, path):
            raise HasInferiors("this name is no mailbox, but has inferior ones")  # RFC 9051 section 6.3.5
        raise FolderMissing(path)
    expunge(tx, folder.id, ALL, at=at)
    tx.do(DELETED, (folder.id, account_id, path, folder.special, at))
    for statement in (*FORGET, DELETE):
        tx.do(statement, (folder.id,))
    return folder


def above(path: str) -> list[str]:
    """The names above this one, the highest first."""
    parts = path.split(SEPARATOR)
    return [SEPARATOR.join(parts[:level]) for level in range(1, len(parts))]


def inferior(account_id: int, path: str) -> tuple[int, int, str]:
    """The parameters of INFERIOR: what is below this name."""
    return account_id, len(path) + 1, path + SEPARATOR


def check_bounds(path: str) -> None:
    """Raises FolderRefused when the path is longer or deeper than one may be."""
    if len(path.encode()) > LONGEST or path.count(SEPARATOR) >= DEEPEST:
        raise FolderRefused("the mailbox name is too long")
