"""Folders as IMAP shows and changes them, where a dialogue would be too long or needs a plugin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import gevent
import pytest

from postroom import Client, ListResult
from postroom.hookspecs import hookimpl
from postroom.store import acl, folders, subscriptions
from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

Clients = Callable[..., Talk]


class Censor:
    """A plugin that hides Junk and marks the others."""

    @hookimpl
    def imap_list_result(self, client: Client, result: ListResult) -> ListResult:
        assert client.user == "alice"
        return replace(result, hidden=result.name == "Junk", attributes=("\\Marked", "bad\r\nvalue"))


def names(lines: list[bytes]) -> list[str]:
    return [line.decode().rpartition(' "/" ')[2].strip('"') for line in lines]


def test_a_plugin_hides_and_changes_what_LIST_shows(server: Miniature, talk: Clients) -> None:
    server.app.manager.register(Censor(), "censor")
    alice = talk()
    assert alice.ok('LIST "" (Junk Sent) RETURN (STATUS (MESSAGES))') == [
        b'* LIST (\\Marked) "/" "Sent"',
        b'* STATUS "Sent" (MESSAGES 0)',
    ]
    assert alice.ok('LSUB "" (J% S%)'.replace("(J% S%)", '"S%"')) == [b'* LSUB (\\Marked) "/" "Sent"']


def test_thousands_of_folders_are_listed_and_others_run_meanwhile(server: Miniature, talk: Clients) -> None:
    account = server.context.accounts.get("alice")
    assert account is not None
    rows = [(number, account.id, f"top{number // 100}/{number}") for number in range(1, 3001)]
    sql = "INSERT INTO mailbox (id, account_id, path, uidvalidity, uidnext, modseq, special) VALUES (?, ?, ?, 1, 1, 1, '')"
    server.context.db.write(lambda tx: tx.many(sql, rows))
    alice, turns = talk(), [0]

    def count() -> None:
        while True:
            gevent.sleep(0.001)
            turns[0] += 1

    other = gevent.spawn(count)
    found = names(alice.ok('LIST "" "*"'))
    other.kill()
    assert len(found) == 3006
    assert found[1:-3000] == sorted(found[1:-3000])
    assert turns[0] > 3


@pytest.mark.parametrize(("module", "command"), [(folders, "CREATE new"), (subscriptions, "SUBSCRIBE INBOX")])
def test_more_than_an_account_may_have_is_refused(talk: Clients, monkeypatch: pytest.MonkeyPatch, module: object, command: str) -> None:
    monkeypatch.setattr(module, "MOST", 6)
    assert talk().answer(command).startswith("NO [LIMIT]")


def test_a_full_access_list_is_refused(talk: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acl, "MOST", 0)
    assert talk().answer("SETACL INBOX bob lr").startswith("NO [LIMIT]")


def test_a_renamed_mailbox_stays_selected(talk: Clients) -> None:
    alice = talk()
    alice.ok("SELECT Sent")
    alice.ok("RENAME Sent Gone")
    assert b"* 1 EXISTS" in alice.ok(b"APPEND Gone {8}", b"a: b\r\n\r\n")


def test_rights_that_are_taken_away_hold_for_the_next_command_that_opens_the_mailbox(talk: Clients) -> None:
    alice, bob = talk(), talk("bob")
    alice.ok("SETACL INBOX bob lri")
    bob.ok(b"APPEND #users/alice/INBOX {8}", b"a: b\r\n\r\n")
    alice.ok("SETACL INBOX bob -i")
    assert bob.answer(b"APPEND #users/alice/INBOX {8+}\r\na: b\r\n\r\n").startswith("NO [NOPERM]")
    alice.ok("DELETEACL INBOX bob")
    assert bob.answer("STATUS #users/alice/INBOX (MESSAGES)").startswith("NO [NONEXISTENT]")


def test_a_user_who_is_made_anew_has_no_rights_of_the_former(server: Miniature, talk: Clients) -> None:
    talk().ok("SETACL INBOX bob lr")
    server.context.accounts.remove("bob")
    server.add_user("bob", "secret")
    assert talk("bob").answer("STATUS #users/alice/INBOX (MESSAGES)").startswith("NO [NONEXISTENT]")


def test_a_client_with_NOTIFY_hears_at_once_of_a_folder_that_is_shared_with_it(talk: Clients) -> None:
    alice, bob = talk(), talk("bob")
    bob.ok('NOTIFY SET (subtree ("#users") (MailboxName))')
    alice.ok("SETACL Sent bob lr")
    assert any(b'"#users/alice/Sent"' in line for line in bob.ok("NOOP"))


def test_members_of_a_list_have_its_rights_as_long_as_they_are_members(server: Miniature, talk: Clients) -> None:
    server.context.accounts.add_list("sales", ["Bob@example.test", "eve@elsewhere.example"])
    server.add_user("eve", "secret")
    talk().ok("SETACL Sent $Sales lr")
    status = "STATUS #users/alice/Sent (MESSAGES)"
    assert talk("bob").answer(status).startswith("OK")
    assert talk("eve").answer(status).startswith("NO [NONEXISTENT]")  # her address is elsewhere, the name is the same by chance
    server.context.accounts.set_members("sales", ["eve"])
    server.context.directory.refresh()
    assert talk("bob").answer(status).startswith("NO [NONEXISTENT]")
    assert talk("eve").answer(status).startswith("OK")


def test_a_list_that_is_gone_gives_no_rights_nor_does_the_next_of_that_name(server: Miniature, talk: Clients) -> None:
    server.context.accounts.add_list("sales", ["bob"])
    server.context.directory.refresh()
    talk().ok("SETACL Sent $sales lr")
    server.context.accounts.remove_list("sales")
    server.context.accounts.add_list("sales", ["bob"])
    server.context.directory.refresh()
    assert talk("bob").answer("STATUS #users/alice/Sent (MESSAGES)").startswith("NO [NONEXISTENT]")
    assert talk().answer("SETACL Sent $nolist lr").startswith("NO [CANNOT]")
