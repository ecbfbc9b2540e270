"""Who else may do what in a folder: access control lists (RFC 4314). The owner has every right and stands in no list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from .database import Tx

EVERY = "lrswipkxtea"  # in the order of RFC 4314 section 2.1
ALL = frozenset(EVERY)
ANYONE = "anyone"
MOST = 200  # entries of one list

Entries = dict[str, str]  # identifier -> rights; "-" before an identifier takes rights away (RFC 4314 section 2)

ENTRIES = "SELECT identifier, rights FROM acl WHERE mailbox_id = ? ORDER BY identifier"
ONE = "SELECT rights FROM acl WHERE mailbox_id = ? AND identifier = ?"
COUNT = "SELECT count(*) FROM acl WHERE mailbox_id = ?"
PUT = (
    "INSERT INTO acl (mailbox_id, identifier, rights) VALUES (?, ?, ?)"
    " ON CONFLICT (mailbox_id, identifier) DO UPDATE SET rights = excluded.rights"
)
REMOVE = "DELETE FROM acl WHERE mailbox_id = ? AND identifier = ?"
INHERIT = "INSERT INTO acl (mailbox_id, identifier, rights) SELECT ?, identifier, rights FROM acl WHERE mailbox_id = ?"


class TooManyEntries(Exception):
    """The list has as many entries as one may have."""


def rights(entries: Mapping[str, str], identifiers: Iterable[str]) -> frozenset[str]:
    """What somebody of these identifiers may do: all that any of them is given, without what any of them is denied."""
    given: set[str] = set()
    denied: set[str] = set()
    for identifier in identifiers:
        given.update(entries.get(identifier, ""))
        denied.update(entries.get(f"-{identifier}", ""))
    return frozenset(given - denied)


def ordered(letters: Collection[str]) -> str:
    """Rights in the usual order, each once; letters that are none are left out."""
    return "".join(letter for letter in EVERY if letter in letters)


def entries(tx: Tx, mailbox_id: int) -> Entries:
    """The list of a folder."""
    return dict(tx.execute(ENTRIES, (mailbox_id,)))


def change(tx: Tx, mailbox_id: int, identifier: str, mode: Literal["set", "add", "remove"], letters: Collection[str]) -> None:
    """Give an identifier these rights, or more, or fewer; one without any is not kept. Raises TooManyEntries."""
    row = tx.one(ONE, (mailbox_id, identifier))
    present = set(row[0]) if row else set()
    wanted = {"set": set(letters), "add": present | set(letters), "remove": present - set(letters)}[mode]
    if not wanted:
        remove(tx, mailbox_id, identifier)
        return
    count = tx.one(COUNT, (mailbox_id,))
    if row is None and count is not None and count[0] >= MOST:
        raise TooManyEntries
    tx.do(PUT, (mailbox_id, identifier, ordered(wanted)))


def remove(tx: Tx, mailbox_id: int, identifier: str) -> None:
    """Take an identifier off the list; one that is not on it does not matter."""
    tx.do(REMOVE, (mailbox_id, identifier))


def inherit(tx: Tx, mailbox_id: int, parent_id: int) -> None:
    """Give a new folder the list of the one above it."""
    tx.do(INHERIT, (mailbox_id, parent_id))
