"""An account of its own for each test with an IMAP client, filled and looked at in the store, behind the server's back."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.mailboxes import Mailboxes
from tests.accounts import FLAGS, PASSWORD, Entry, credentials, put
from tests.house import House

__all__ = ["PASSWORD", "Box", "Held", "box", "entry"]


class Held(NamedTuple):
    """One message as the store has it."""

    uid: int
    flags: frozenset[str]  # system flags and keywords
    data: bytes


class Box:
    """The mail of one user in a house."""

    def __init__(self, house: House, name: str) -> None:
        self.house, self.name = house, name
        with house.server.database() as database:
            self.account = Accounts(database).add(name, **credentials()).id

    @property
    def port(self) -> int:
        """Of the service without TLS, which offers STARTTLS."""
        return self.house.port("IMAP4")

    def fill(self, folder: str, messages: Iterable[bytes | Entry]) -> None:
        """Put messages into a folder."""
        entries = [one if isinstance(one, Entry) else entry(one) for one in messages]
        with self.house.server.database() as database:
            blobs = Blobs(database)
            database.write(lambda tx: put(tx, blobs, self.account, folder, entries))

    def folders(self) -> set[str]:
        """The paths of all folders."""
        with self.house.server.database() as database:
            rows = database.read(lambda tx: list(tx.execute("SELECT path FROM mailbox WHERE account_id = ?", (self.account,))))
        return {row[0] for row in rows}

    def held(self, folder: str = "INBOX") -> list[Held]:
        """What is in a folder, in the order of UIDs."""
        with self.house.server.database() as database:
            boxes = Mailboxes(database, Blobs(database))
            found = boxes.find(self.account, folder)
            assert found is not None, f"there is no {folder}"
            sql = "SELECT uid, flags, keywords FROM message WHERE mailbox_id = ? ORDER BY uid"
            rows = database.read(lambda tx: list(tx.execute(sql, (found.id,))))
            return [Held(uid, names(flags, keywords), b"".join(boxes.content(found.id, uid))) for uid, flags, keywords in rows]


def entry(data: bytes, *, flags: int = 0, keywords: str = "") -> Entry:
    """A message that comes with the next UID."""
    return Entry(data, None, flags, keywords, 1_788_256_800_000)


def names(bits: int, keywords: str) -> frozenset[str]:
    """Flags by their names."""
    return frozenset([name for name, bit in FLAGS.items() if bits & bit] + keywords.split())


@pytest.fixture
def box(house: House) -> Box:
    """The account of one test."""
    return Box(house, f"box-{uuid.uuid4().hex[:10]}")
