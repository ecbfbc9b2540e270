"""NOTIFY: a client hears, without asking, exactly what it has asked for (RFC 5465)."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import gevent
import pytest

from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

Client = Callable[..., Talk]
MESSAGES = "(MessageNew MessageExpunge)"
ALL = "(MessageNew MessageExpunge FlagChange)"
MESSAGE = b"Subject: x\r\n\r\nx\r\n"


def put(talk: Talk, folder: str) -> None:
    talk.ok(b"APPEND %s {%d+}\r\n%s" % (folder.encode(), len(MESSAGE), MESSAGE))


def silent(talk: Talk) -> bool:
    """Whether nothing was said but what NOOP says."""
    gevent.sleep(0.05)
    return talk("NOOP") == [b"OK NOOP completed"]


def test_new_mail_in_another_mailbox_is_a_status(talk: Client) -> None:
    alice, other = talk("alice"), talk("alice")
    assert alice.ok(f"NOTIFY SET (mailboxes Sent {MESSAGES})") == []
    put(other, "Sent")
    assert alice.response() == b'* STATUS "Sent" (UIDNEXT 2 MESSAGES 1)'
    put(other, "Drafts")
    assert silent(alice)


def test_status_is_told_first_where_it_is_asked_for(talk: Client) -> None:
    alice = talk("alice")
    told = alice.ok(f"NOTIFY SET STATUS (selected {MESSAGES}) (subtree (Sent Drafts) {MESSAGES})")
    assert [line.split()[2] for line in told] == [b'"Drafts"', b'"Sent"']
    assert told[0].startswith(b'* STATUS "Drafts" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ')


def test_flags_in_another_mailbox_are_told_by_unseen_or_modseq(talk: Client) -> None:
    alice, other = talk("alice"), talk("alice")
    put(other, "Sent")
    alice.ok(f"NOTIFY SET (personal {ALL})")
    other.ok("SELECT Sent")
    other.ok("STORE 1 +FLAGS (\\Flagged)")
    assert silent(alice)
    other.ok("STORE 1 +FLAGS (\\Seen)")
    assert alice.response().startswith(b'* STATUS "Sent" (UIDVALIDITY ')
    alice.ok("ENABLE CONDSTORE")
    other.ok("STORE 1 -FLAGS (\\Flagged)")
    assert alice.response().startswith(b'* STATUS "Sent" (HIGHESTMODSEQ ')


def test_the_selected_mailbox_is_told_between_commands(talk: Client) -> None:
    alice, other = talk("alice"), talk("alice")
    alice.ok("SELECT Sent")
    alice.ok(f"NOTIFY SET (selected {ALL})")
    put(other, "Sent")
    assert alice.response() == b"* 1 EXISTS"
    alice.response()  # RECENT
    other.ok("SELECT Sent")
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    assert alice.response().startswith(b"* 1 FETCH (UID 1 FLAGS (")
    other.ok("EXPUNGE")
    assert alice.response() == b"* 1 EXPUNGE"


def test_of_new_messages_is_fetched_what_the_client_wants(talk: Client) -> None:
    alice, other = talk("alice"), talk("alice")
    put(other, "Sent")
    alice.ok("SELECT Sent")
    alice.ok("NOTIFY SET (selected (MessageNew (FLAGS BODY[HEADER.FIELDS (SUBJECT)]) MessageExpunge))")
    put(other, "Sent")
    assert alice.response() == b"* 2 EXISTS"
    alice.response()  # RECENT
    assert alice.response() == b"* 2 FETCH (UID 2 FLAGS (\\Recent) BODY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: x\r\n\r\n)"
    assert silent(alice)


def test_delayed_expunges_wait_for_a_command(talk: Client) -> None:
    alice, other = talk("alice"), talk("alice")
    put(other, "Sent")
    alice.ok("SELECT Sent")
    alice.ok(f"NOTIFY SET (selected-delayed {MESSAGES})")
    other.ok("SELECT Sent")
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    gevent.sleep(0.05)
    assert alice("NOOP") == [b"* 1 EXPUNGE", b"OK NOOP completed"]


def test_without_a_word_about_it_the_selected_mailbox_is_silent(talk: Client) -> None:
    alice, other = talk("alice"), talk("alice")
    alice.ok("SELECT Sent")
    alice.ok("NOTIFY NONE")
    put(other, "Sent")
    assert silent(alice)
    assert alice.ok(f"NOTIFY SET (selected {MESSAGES})")[0] == b"* 1 EXISTS"


def test_names_are_told(talk: Client) -> None:
    alice, other = talk("alice"), talk("alice")
    alice.ok("NOTIFY SET (personal (MailboxName))")
    other.ok("CREATE Work/New")
    assert alice.response() == b'* LIST (\\HasChildren) "/" "Work"'
    assert alice.response() == b'* LIST (\\HasNoChildren) "/" "Work/New"'
    other.ok("RENAME Work Play")
    assert alice.response() == b'* LIST (\\HasChildren) "/" "Play" ("OLDNAME" ("Work"))'
    other.ok("DELETE Play/New")
    assert alice.response() == b'* LIST (\\HasNoChildren) "/" "Play"'
    assert alice.response() == b'* LIST (\\NonExistent) "/" "Play/New"'


def test_subscriptions_are_told(talk: Client) -> None:
    alice, other = talk("alice"), talk("alice")
    other.ok("UNSUBSCRIBE Sent")
    alice.ok("NOTIFY SET (subtree Sent (SubscriptionChange))")
    other.ok("SUBSCRIBE Sent")
    assert alice.response() == b'* LIST (\\HasNoChildren \\Subscribed \\Sent) "/" "Sent"'


def test_annotations_are_told_by_name(talk: Client) -> None:
    alice, other, bob = talk("alice"), talk("alice"), talk("bob")
    for client in (alice, bob):
        client.ok("NOTIFY SET (personal (MailboxMetadataChange ServerMetadataChange))")
    other.ok('SETMETADATA Sent (/private/comment "mine")')
    assert alice.response() == b'* METADATA "Sent" /private/comment'
    other.ok('SETMETADATA "" (/private/comment "of mine alone")')
    assert alice.response() == b'* METADATA "" /private/comment'
    assert silent(alice) and silent(bob)


def test_an_own_message_is_told_and_not_fetched(talk: Client) -> None:
    alice = talk("alice")
    alice.ok("SELECT Sent")
    alice.ok("NOTIFY SET (selected (MessageNew (UID) MessageExpunge))")
    assert alice.ok(b"APPEND Sent {%d+}\r\n%s" % (len(MESSAGE), MESSAGE)) == [b"* 1 EXISTS", b"* 1 RECENT"]


def test_what_a_client_does_itself_is_not_told_to_it(talk: Client) -> None:
    alice = talk("alice")
    alice.ok(f"NOTIFY SET (personal (MailboxName)) (personal {MESSAGES})")
    assert alice.ok("CREATE Mine") == []
    put(alice, "Mine")
    assert silent(alice)


def test_a_new_mailbox_is_watched_from_its_first_message(talk: Client) -> None:
    alice, other = talk("alice"), talk("alice")
    alice.ok(f"NOTIFY SET (subtree Work {MESSAGES})")
    other.ok("CREATE Work/New")
    put(other, "Work/New")
    assert alice.response() == b'* STATUS "Work/New" (UIDNEXT 2 MESSAGES 1)'


def test_a_new_mailbox_that_has_messages_when_it_is_first_seen_is_told_with_them(server: Miniature, talk: Client) -> None:
    alice, other = talk("alice"), talk("alice")
    alice.ok(f"NOTIFY SET (subtree Work {MESSAGES})")
    with patch.object(server.context.news, "publish"):  # the news of the CREATE are late
        other.ok("CREATE Work/New")
        put(other, "Work/New")
    server.context.news.publish("folders", account=server.context.accounts.get("alice").id)
    assert alice.response() == b'* STATUS "Work/New" (UIDNEXT 2 MESSAGES 1)'


def test_too_many_mailboxes_are_an_overflow(talk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom_imap4_server.notifying.MOST_WATCHED", 6)
    alice, other = talk("alice"), talk("alice")
    alice.ok(f"NOTIFY SET (personal {MESSAGES})")
    other.ok("CREATE Seventh")
    assert alice.response().startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
    put(other, "Sent")
    assert silent(alice)
    assert alice.answer(f"NOTIFY SET (personal {MESSAGES})").startswith("NO [NOTIFICATIONOVERFLOW]")


@pytest.mark.parametrize(
    "arguments",
    [
        "SET (selected (MessageNew))",
        "SET (selected (FlagChange))",
        "SET (selected (MailboxName))",
        "SET (nowhere (MailboxName))",
        "SET (personal (MessageNew (FLAGS) MessageExpunge))",
        "SET (personal (Birthday))",
        f"SET (selected {MESSAGES}) (selected-delayed {MESSAGES})",
        f"SET (personal {MESSAGES}",
        "SET",
        "SOME",
        "NONE NONE",
    ],
)
def test_what_the_rfc_does_not_allow_is_bad(talk: Client, arguments: str) -> None:
    assert talk("alice").answer(f"NOTIFY {arguments}").startswith("BAD ")


def test_events_that_are_not_supported_are_named(talk: Client) -> None:
    answer = talk("alice").answer("NOTIFY SET (personal (AnnotationChange MessageNew MessageExpunge))")
    assert answer.startswith("NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange ")


def test_switched_off_it_is_neither_offered_nor_obeyed(configured: Callable[..., Miniature]) -> None:
    with Talk(configured(notify=False)) as alice:
        alice.log_in()
        assert b" NOTIFY" not in alice.ok("CAPABILITY")[0]
        assert alice.answer("NOTIFY NONE").startswith("BAD ")


def test_mail_that_comes_while_a_mailbox_is_looked_at_is_told_next(
    server: Miniature, talk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, other = talk("alice"), talk("alice")
    alice.ok(f"NOTIFY SET (mailboxes Sent {MESSAGES})")
    look, late = server.context.mailboxes.by_id, [True]

    def slowly(mailbox_id: int) -> object:
        found = look(mailbox_id)
        if late and late.pop():
            gevent.spawn(put, other, "Sent").join(5)
        return found

    monkeypatch.setattr(server.context.mailboxes, "by_id", slowly)
    gevent.spawn(put, talk("alice"), "Sent")
    assert [alice.response() for _ in range(2)] == [b'* STATUS "Sent" (UIDNEXT %d MESSAGES %d)' % (n + 1, n) for n in (1, 2)]


def test_a_folder_that_is_made_while_the_tree_is_looked_at_is_told_next(
    server: Miniature, talk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, other, third = talk("alice"), talk("alice"), talk("alice")
    alice.ok("NOTIFY SET (personal (MailboxName))")
    look, late = server.context.folders.tree, [True]

    def slowly(account: int) -> object:
        found = look(account)
        if late and late.pop():
            gevent.spawn(other.ok, "CREATE Two").join(5)
        return found

    monkeypatch.setattr(server.context.folders, "tree", slowly)
    gevent.spawn(third.ok, "CREATE One")
    assert [alice.response().rpartition(b" ")[2] for _ in range(2)] == [b'"One"', b'"Two"']
