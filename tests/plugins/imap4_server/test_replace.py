"""REPLACE: the new message comes and the old one goes in one step."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

Open = Callable[..., Talk]
DRAFTS = [b"Subject: %d\r\n\r\n%d\r\n" % (number, number) for number in range(1, 5)]
NEW = b"Subject: new\r\n\r\nnew\r\n"


@pytest.fixture
def client(talk: Open) -> Talk:
    client = talk()
    for draft in DRAFTS:
        client.ok(b"APPEND Drafts (\\Draft) {%d}" % len(draft), draft)
    client.ok("SELECT Drafts")
    return client


def test_the_new_message_takes_the_place_of_the_old_one(server: Miniature, client: Talk) -> None:
    first, *rest = client.ok(b"REPLACE 2 Drafts (\\Draft) {%d}" % len(NEW), NEW)
    assert first.startswith(b"* OK [APPENDUID ")
    assert b" 5] " in first
    assert sorted(rest) in ([b"* 2 EXPUNGE", b"* 4 EXISTS"], [b"* 2 EXPUNGE", b"* 4 EXISTS", b"* 4 RECENT"])
    assert server.mailbox("alice", "Drafts") == [DRAFTS[0], *DRAFTS[2:], NEW]


def test_by_UID_and_into_another_folder(server: Miniature, client: Talk) -> None:
    client.ok(b"UID REPLACE 4 Sent (\\Seen) {%d+}\r\n%s" % (len(NEW), NEW))
    assert server.mailbox("alice", "Drafts") == DRAFTS[:3]
    assert server.mailbox("alice", "Sent") == [NEW]


def test_the_last_message_can_be_named_by_a_star(server: Miniature, client: Talk) -> None:
    client.ok(b"REPLACE * Drafts {%d+}\r\n%s" % (len(NEW), NEW))
    assert server.mailbox("alice", "Drafts") == [*DRAFTS[:3], NEW]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("UID REPLACE 99 Drafts {100}", "NO there is no such message"),
        ("UID REPLACE 1 Plans {100}", "NO [TRYCREATE]"),
        ("REPLACE 99 Drafts {100}", "BAD "),
        ("REPLACE 1:2 Drafts {100}", "BAD "),
        ("REPLACE $ Drafts {100}", "BAD "),
        ("REPLACE 1 Drafts {60000000}", "NO [TOOBIG]"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_message_is_sent(client: Talk, command: str, answer: str) -> None:
    assert client.answer(command).startswith(answer)


def test_one_message_and_no_more(server: Miniature, client: Talk) -> None:
    assert client.answer(b"REPLACE 1 Drafts {3+}\r\nabc {3+}\r\nabc").startswith("BAD ")
    assert server.mailbox("alice", "Drafts") == DRAFTS


def test_a_message_that_somebody_else_has_removed_is_not_replaced(server: Miniature, client: Talk) -> None:
    account = server.context.accounts.get("alice")
    assert account is not None
    folder = server.context.mailboxes.find(account.id, "Drafts")
    assert folder is not None
    server.context.mailboxes.delete(folder.id, [2])
    assert client.answer(b"UID REPLACE 2 Drafts {%d+}\r\n%s" % (len(NEW), NEW)).startswith("NO ")
    assert server.mailbox("alice", "Drafts") == [DRAFTS[0], *DRAFTS[2:]]


def test_a_folder_that_is_open_for_reading_only_stays_as_it_is(server: Miniature, client: Talk) -> None:
    client.ok("EXAMINE Drafts")
    assert client.answer(b"REPLACE 1 Drafts {%d}" % len(NEW)).startswith("NO ")
    assert server.mailbox("alice", "Drafts") == DRAFTS


def test_a_full_account_can_still_replace(server: Miniature, client: Talk) -> None:
    server.context.db.write(lambda tx: tx.do("UPDATE account SET quota_messages = 4 WHERE name = 'alice'"))
    assert client.answer(b"APPEND Drafts {%d}" % len(NEW), NEW).startswith("NO [OVERQUOTA]")
    assert client.answer(b"REPLACE 1 Drafts {%d}" % len(NEW), NEW).startswith("OK")
    assert server.mailbox("alice", "Drafts") == [*DRAFTS[1:], NEW]
