"""What a user may do with messages: rights in other users' folders, quota, and how many messages one command works on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from postroom.store.mailboxes import append
from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk
from tests.plugins.imap4_server.test_select import fill

Clients = Callable[..., Talk]
SHARED = "#users/alice/INBOX"


@pytest.fixture
def guest(talk: Clients) -> Callable[[str], Talk]:
    """Bob in alice's INBOX, with the rights given and three messages that alice has flagged."""

    def make(rights: str) -> Talk:
        owner, guest = talk(), talk("bob")
        fill(owner, 3)
        owner.ok("SELECT INBOX")
        owner.ok(r"STORE 1:3 +FLAGS.SILENT (\Flagged \Deleted $Work)")
        owner.ok(f"SETACL INBOX bob {rights}")
        return guest

    return make


def said_flags(said: list[bytes]) -> bytes:
    return next(line for line in said if b"PERMANENTFLAGS" in line).partition(b"(")[2].partition(b")")[0]


def test_only_flags_that_a_guest_may_change_are_permanent(guest: Callable[[str], Talk]) -> None:
    assert said_flags(guest("lrs").ok(f"SELECT {SHARED}")) == rb"\Seen"


def test_without_any_right_to_change_a_mailbox_is_read_only(guest: Callable[[str], Talk]) -> None:
    assert guest("lr").answer(f"SELECT {SHARED}").startswith("OK [READ-ONLY]")


def test_a_guest_changes_only_the_flags_that_he_may(guest: Callable[[str], Talk]) -> None:
    client = guest("lrs")
    client.ok(f"SELECT {SHARED}")
    assert client.ok(r"STORE 1 +FLAGS (\Seen \Draft $Other)") == [rb"* 1 FETCH (FLAGS (\Seen \Flagged \Deleted $Work))"]
    assert client.answer(r"STORE 1 +FLAGS (\Draft)").startswith("NO [NOPERM]")


def test_replacing_all_flags_leaves_alone_what_is_not_the_guests(guest: Callable[[str], Talk]) -> None:
    client = guest("lrw")
    client.ok(f"SELECT {SHARED}")
    assert client.ok(r"STORE 1 FLAGS (\Seen \Draft $Other)")[-1] == rb"* 1 FETCH (FLAGS (\Deleted \Draft $Other))"


def test_expunging_and_moving_need_rights(guest: Callable[[str], Talk]) -> None:
    client = guest("lrt")
    client.ok(f"SELECT {SHARED}")
    for command in ("EXPUNGE", "UID EXPUNGE 1", "MOVE 1 Drafts"):
        assert client.answer(command).startswith("NO [NOPERM]")
    client.ok("CLOSE")
    assert b"* 3 EXISTS" in client.ok(f"EXAMINE {SHARED}")


def test_a_copy_keeps_only_flags_that_the_guest_may_set(talk: Clients) -> None:
    owner, guest = talk(), talk("bob")
    fill(guest, 1)
    owner.ok("SETACL Archive bob is")
    guest.ok("SELECT INBOX")
    guest.ok(r"STORE 1 +FLAGS.SILENT (\Seen \Flagged $Work)")
    assert guest.answer("COPY 1 #users/alice/Archive") == "OK COPY completed"  # he may not read there, so he learns no UID
    owner.ok("SELECT Archive")
    assert owner.ok("FETCH 1 FLAGS") == [rb"* 1 FETCH (FLAGS (\Seen \Recent))"]


def test_rights_that_are_taken_away_are_gone_at_once(guest: Callable[[str], Talk], talk: Clients) -> None:
    client, owner = guest("lrswte"), talk()
    client.ok(f"SELECT {SHARED}")
    owner.ok("SETACL INBOX bob lr")
    assert client.answer("EXPUNGE").startswith("NO [NOPERM]")
    assert client.answer(r"STORE 1 +FLAGS (\Seen)").startswith("NO [NOPERM]")
    owner.ok("DELETEACL INBOX bob")
    client.begin("NOOP")
    assert client.response().startswith(b"* BYE")


# --- quota


def test_a_copy_that_exceeds_the_quota_copies_nothing(server: Miniature, talk: Clients) -> None:
    client = talk()
    fill(client, 3)
    server.context.accounts.update("alice", quota_messages=5)
    client.ok("SELECT INBOX")
    assert client.answer("COPY 1:3 Archive").startswith("NO [OVERQUOTA]")
    assert client.answer("COPY 1:2 Archive").startswith("OK")
    assert client.answer("MOVE 1:3 Drafts").startswith("OK")  # there are no more of them than before


# --- how many at once


@pytest.fixture
def crowded(configured: Callable[..., Miniature]) -> Any:
    """A client of a mailbox with three messages more than a command may work on."""
    server = configured(message_limit=1_000)
    with Talk(server) as client:
        client.log_in()
        fill(client, 1)
        account = server.context.accounts.get("alice")
        assert account is not None

        def work(tx: Any) -> None:
            blob, size = tx.one("SELECT blob_id, size FROM message")
            for _ in range(1_002):
                append(tx, account.id, "INBOX", blob_id=blob, size=size, prefix=b"", received_at=0)

        server.context.db.write(work)
        client.ok("SELECT INBOX")
        yield client


def test_a_store_works_on_the_newest_and_says_how_far_it_came(crowded: Talk) -> None:
    *said, answer = crowded(r"STORE 1:* +FLAGS (\Seen)")
    assert answer == b"OK [MESSAGELIMIT 1000 4] STORE completed"
    assert len(said) == 1_000 and said[0].startswith(b"* 4 FETCH")


def test_a_copy_of_too_many_is_refused_as_a_whole(crowded: Talk) -> None:
    assert crowded.answer("COPY 1:* Archive") == "NO [MESSAGELIMIT 1000] too many messages at once"
    assert b"* 0 EXISTS" in crowded.ok("EXAMINE Archive")


def test_a_move_takes_the_newest(crowded: Talk) -> None:
    assert crowded.answer("UID MOVE 1:* Archive") == "OK [MESSAGELIMIT 1000 4] MOVE completed"
    assert b"* 3 EXISTS" in crowded.ok("EXAMINE INBOX")


def test_uid_expunge_takes_the_newest(crowded: Talk) -> None:
    crowded.ok(r"STORE 1:500 +FLAGS.SILENT (\Deleted)")
    crowded.ok(r"STORE 501:* +FLAGS.SILENT (\Deleted)")
    assert crowded.answer("UID EXPUNGE 1:*") == "OK [MESSAGELIMIT 1000 4] EXPUNGE completed"


def test_very_many_messages_leave_one_by_one_from_the_end(crowded: Talk) -> None:
    crowded.ok(r"STORE 1:500 +FLAGS.SILENT (\Deleted)")
    crowded.ok(r"STORE 502:* +FLAGS.SILENT (\Deleted)")
    assert crowded.ok("EXPUNGE") == [b"* %d EXPUNGE" % number for number in (*range(1_003, 501, -1), *range(500, 0, -1))]
