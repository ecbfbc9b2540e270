"""What a user may not learn or do in the mailboxes of others, whatever command is tried."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.plugins.imap4_server.talk import Talk

Clients = Callable[..., Talk]
MAIL = b"Subject: x\r\n\r\nx\r\n"


def put(client: Talk, command: str) -> list[bytes]:
    return client(f"{command} {{{len(MAIL)}}}", MAIL)


@pytest.mark.parametrize("rights", ["i", "li", "lri"])
def test_who_may_not_look_into_a_mailbox_is_told_no_UID_there(talk: Clients, rights: str) -> None:
    alice, bob = talk(), talk("bob")
    alice.ok(f"SETACL Archive bob {rights}")
    put(bob, "APPEND INBOX")
    bob.ok("SELECT INBOX")
    said = [put(bob, 'APPEND "#users/alice/Archive"'), bob('COPY 1 "#users/alice/Archive"'), put(bob, 'REPLACE 1 "#users/alice/Archive"')]
    told = [b"UID " in b"".join(one) for one in said]
    assert all(one[-1].startswith(b"OK") for one in said)
    assert told == ["r" in rights] * 3


def test_nobody_takes_the_mail_out_of_another_inbox_by_a_rename(talk: Clients) -> None:
    alice, bob = talk(), talk("bob")
    put(alice, "APPEND INBOX")
    alice.ok("SETACL INBOX bob lx")
    alice.ok("SETACL Archive bob lrk")
    assert bob.answer('RENAME "#users/alice/INBOX" "#users/alice/Archive/mine"').startswith("NO [NOPERM]")
    alice.ok("SETACL INBOX bob lrtex")
    assert bob.answer('RENAME "#users/alice/INBOX" "#users/alice/Archive/mine"').startswith("OK")
