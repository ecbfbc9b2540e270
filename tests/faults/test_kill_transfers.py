"""Processes that end in the middle of COPY, MOVE, STORE and EXPUNGE of many messages: all of it is done, or nothing."""

from __future__ import annotations

import contextlib
import random
import threading
import time

from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.database import Database
from postroom.store.mailboxes import append
from tests.faults.conftest import Launch
from tests.faults.lengths import rounds
from tests.plugins.imap4_server.player import Line
from tests.server import Server

MESSAGES = 1_500
TEXT = b"Subject: one of many\r\n\r\nHello.\r\n"
COUNTED = (
    "SELECT path, messages, unseen, deleted, bytes, count(uid), coalesce(sum(1 - (flags & 1)), 0), coalesce(sum((flags & 8) / 8), 0),"
    " coalesce(sum(size), 0) FROM mailbox LEFT JOIN message ON mailbox_id = mailbox.id"
    " GROUP BY mailbox.id, path, messages, unseen, deleted, bytes"
)
# One turn: from INBOX to Drafts, from there to Archive, from there to nowhere
TURN = (
    ("SELECT INBOX", "UID COPY 1:* Drafts"),
    ("SELECT Drafts", "UID MOVE 1:* Archive"),
    ("SELECT Archive", r"UID STORE 1:* +FLAGS.SILENT (\Deleted)", "EXPUNGE"),
)


def fill(db: Database, name: str) -> None:
    """Many messages with one content."""
    account = Accounts(db).get(name)
    assert account is not None
    draft = Blobs(db).draft()
    draft.write(TEXT)
    draft.seal()

    def work(tx) -> None:  # type: ignore[no-untyped-def]
        blob = draft.store(tx)
        for _ in range(MESSAGES):
            append(tx, account.id, "INBOX", blob_id=blob, size=len(TEXT), prefix=b"", received_at=0)

    db.write(work)


def juggle(server: Server) -> None:
    """Turn after turn, until the server is gone."""
    with Line(server.ports["IMAP4"]) as client, contextlib.suppress(AssertionError, OSError):
        client.log_in("bob")
        while True:
            for commands in TURN:
                for command in commands:
                    client.ok(command)


def state(db: Database) -> dict[str, tuple[int, int]]:
    """Messages, and how many of them are marked, by folder; what the folders say of themselves must be so."""
    rows = db.read(lambda tx: tx.execute(COUNTED))
    for row in rows:
        assert tuple(map(int, row[1:5])) == tuple(map(int, row[5:9])), row
    return {row[0]: (row[1], row[3]) for row in rows if row[1]}


def test_kill_9_leaves_no_command_half_done(launch: Launch) -> None:
    server = launch()
    seen = set()
    with server.database() as db:
        fill(db, "bob")
        for _ in range(rounds(2, 40)):
            thread = threading.Thread(target=juggle, args=(server,))
            thread.start()
            time.sleep(random.uniform(0.1, 1.0))
            server.kill()
            thread.join(30)
            found = state(db)
            assert found.pop("INBOX") == (MESSAGES, 0)
            assert all(count % MESSAGES == marked % MESSAGES == 0 for count, marked in found.values()), (
                found
            )  # marks of an earlier turn stay
            seen.add(tuple(sorted(found.items())))
            server.start()
    print(f"found after a death: {seen}")
