"""SELECT and EXAMINE, and what a view tells afterwards."""

from __future__ import annotations

from collections.abc import Callable

from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

Clients = Callable[..., Talk]


def fill(client: Talk, count: int, folder: str = "INBOX") -> None:
    for number in range(count):
        text = b"Subject: %d\r\n\r\nHello.\r\n" % number
        client.ok(b"APPEND %s {%d}" % (folder.encode(), len(text)), text)


def test_a_select_tells_what_a_client_needs(talk: Clients) -> None:
    client = talk()
    fill(client, 2)
    said = client.ok("SELECT INBOX")
    assert said[:3] == [b"* 2 EXISTS", b"* 2 RECENT", b"* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft)"]
    assert any(line.startswith(b"* OK [UIDNEXT 3]") for line in said)


def test_messages_are_recent_once(talk: Clients) -> None:
    client = talk()
    fill(client, 1)
    assert b"* 1 RECENT" in client.ok("EXAMINE INBOX")
    assert b"* 1 RECENT" in client.ok("SELECT INBOX")
    assert b"* 0 RECENT" in client.ok("SELECT INBOX")


def test_new_mail_is_told_at_the_next_command(server: Miniature, talk: Clients) -> None:
    client = talk()
    client.ok("SELECT INBOX")
    assert server.send("bob@example.test", "alice@example.test").startswith("250")
    assert client.ok("NOOP") == [b"* 1 EXISTS", b"* 1 RECENT"]


def test_the_first_unseen_message_is_told_where_that_costs_nothing(talk: Clients) -> None:
    client = talk()
    fill(client, 3)
    client.ok("SELECT INBOX")
    client.ok(r"STORE 1 +FLAGS.SILENT (\Seen)")
    assert b"* OK [UNSEEN 2] The first unseen message" in client.ok("SELECT INBOX")
