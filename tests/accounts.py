"""The accounts of dialogues: each file's own users with their folders and messages, put into the store directly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import yaml

from postroom.credentials import Credentials, make_credentials
from postroom.store import mailboxes
from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.database import Database, Tx
from tests.dialogue import Dialogue
from tests.mailbag import message_file

PASSWORD = "secret"
UIDVALIDITY = 1_000_000
FIRST = datetime(2026, 9, 1, 10, tzinfo=UTC)  # when the first message came; the others a day later each
FLAGS = {"\\Seen": 1, "\\Answered": 2, "\\Flagged": 4, "\\Deleted": 8, "\\Draft": 16}


@dataclass(frozen=True)
class Entry:
    """One message of a folder."""

    data: bytes
    uid: int | None  # None: the next
    flags: int
    keywords: str
    received_at: int  # milliseconds since 1970


def users_of(name: str, dialogue: Dialogue) -> dict[str, str]:
    """What ``{user}`` and the ``others:`` of the file of that name are called."""
    return {"user": name, **{other: f"{name}-{other}" for other in dialogue.settings.get("others", "").split()}}


def fill(database: Database, dialogues: Mapping[str, Dialogue]) -> None:
    """Make all accounts of these files, with what lies in them."""
    accounts = Accounts(database)
    blobs = Blobs(database)
    for name, dialogue in dialogues.items():
        users = users_of(name, dialogue)
        admins = dialogue.settings.get("admins", "").split()
        ids = {user: accounts.add(user, admin=short in admins, **credentials()).id for short, user in users.items()}
        contents = contents_of(dialogue, users)
        database.write(lambda tx, ids=ids, contents=contents: _put(tx, blobs, ids, contents))  # type: ignore[misc]


def contents_of(dialogue: Dialogue, users: Mapping[str, str]) -> dict[tuple[str, str], list[Entry]]:
    """What lies where: account name and folder → messages."""
    found = {(users["user"], "INBOX"): entries(yaml.safe_load(dialogue.settings.get("messages", "0")))}
    for place, content in yaml.safe_load(dialogue.settings.get("folders", "{}")).items():
        owner, name = "user", place
        if place.startswith("{"):
            owner, _, name = place[1:].partition("}/")
        found[users[owner], name] = entries(content)
    return found


def entries(content: int | list[Any]) -> list[Entry]:
    """The messages that a setting names."""
    items: list[Any] = list(range(1, content + 1)) if isinstance(content, int) else content
    found: list[Entry] = []
    uid = 0
    for number, item in enumerate(items):
        values = item if isinstance(item, dict) else {"file": item}
        words = str(values.get("flags", "")).split()
        uid = values.get("uid") or uid + 1
        at = values.get("date") or FIRST + timedelta(days=number)
        found.append(
            Entry(
                message_file(str(values["file"])),
                uid,
                sum(FLAGS[word] for word in words if word in FLAGS),
                " ".join(word for word in words if word not in FLAGS),
                int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000),
            )
        )
    return found


@cache
def credentials() -> Credentials:
    """Of the password that all these accounts have: it is hashed once."""
    return make_credentials(PASSWORD)


def put(tx: Tx, blobs: Blobs, account: int, folder: str, messages: Iterable[Entry]) -> None:
    """Put messages into a folder, which is made when missing."""
    mailboxes.make(tx, account, folder)
    for entry in messages:
        if entry.uid is not None:
            tx.do("UPDATE mailbox SET uidnext = ? WHERE account_id = ? AND path = ?", (entry.uid, account, folder))
        draft = blobs.draft()
        draft.write(entry.data)
        draft.seal()
        mailboxes.append(
            tx, account, folder, blob_id=draft.store(tx), size=len(entry.data), prefix=b"",
            received_at=entry.received_at, flags=entry.flags, keywords=entry.keywords,
        )  # fmt: skip


def _put(tx: Tx, blobs: Blobs, accounts: Mapping[str, int], contents: Mapping[tuple[str, str], Iterable[Entry]]) -> None:
    for (user, folder), messages in contents.items():
        put(tx, blobs, accounts[user], folder, messages)
    for account in accounts.values():
        tx.do("UPDATE mailbox SET uidvalidity = ? WHERE account_id = ?", (UIDVALIDITY, account))
