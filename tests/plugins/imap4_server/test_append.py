"""APPEND: what is stored, what is refused, and that nothing stays behind of what was refused."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest

from postroom.store.mailboxes import Entry
from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

Open = Callable[..., Talk]
MESSAGE = b"Subject: Hello\r\n\r\nHello.\r\n"
OTHER = b"Subject: Other\r\n\r\nOther, with \xe2\x82\xac in it.\r\n"


def entries(server: Miniature, folder: str = "INBOX", name: str = "alice") -> list[Entry]:
    account = server.context.accounts.get(name)
    assert account is not None
    found = server.context.mailboxes.find(account.id, folder)
    return [] if found is None else server.context.mailboxes.listing(found.id)


def rows(server: Miniature, sql: str) -> list[tuple[object, ...]]:
    return server.context.db.read_slow(lambda tx: tx.execute(sql))


def test_a_message_is_stored_byte_for_byte(server: Miniature, talk: Open) -> None:
    odd = b"no header\rat all\nand\r\n\xff\x80\r\n."
    assert talk().answer(b"APPEND INBOX {%d}" % len(odd), odd).startswith("OK [APPENDUID ")
    assert server.mailbox("alice") == [odd]


def test_flags_keywords_and_date_are_kept(server: Miniature, talk: Open) -> None:
    talk().ok(b'APPEND INBOX (\\seen \\FLAGGED $Work $work) "17-Jul-1996 02:44:25 -0700" {%d}' % len(MESSAGE), MESSAGE)
    [entry] = entries(server)
    assert (entry.flags, entry.received_at) == (1 | 4, 837_596_665_000)
    assert rows(server, "SELECT keywords FROM message") == [("$Work",)]


def test_without_a_date_it_is_now(server: Miniature, talk: Open) -> None:
    talk().ok(b"APPEND INBOX {%d}" % len(MESSAGE), MESSAGE)
    [(received, saved, own)] = rows(server, "SELECT received_at, saved_at, own FROM message")
    assert received == saved
    assert own == 0


@pytest.mark.parametrize("size", [300_000, 5_000_000])
def test_a_long_message_comes_through(server: Miniature, talk: Open, size: int) -> None:
    message = MESSAGE + b"0123456789abcde\n" * (size // 16)
    talk().ok(b"APPEND INBOX {%d+}\r\n%s" % (len(message), message))
    assert server.mailbox("alice") == [message]


def test_several_messages_come_in_together(server: Miniature, talk: Open) -> None:
    client = talk()
    command = b"APPEND INBOX {%d+}\r\n%s (\\Seen) {%d}" % (len(MESSAGE), MESSAGE, len(OTHER))
    assert client.answer(command, OTHER).partition(" ")[2].startswith("[APPENDUID ")
    assert server.mailbox("alice") == [MESSAGE, OTHER]
    assert [entry.flags for entry in entries(server)] == [0, 1]
    assert "1:2] " in client.answer(command.replace(b"INBOX", b"Sent"), OTHER)


def test_a_long_series_does_not_stay_in_memory(server: Miniature, talk: Open) -> None:
    messages = [MESSAGE + b"%d " % number * 20_000 for number in range(60)]
    command = b"APPEND INBOX" + b"".join(b" {%d+}\r\n%s" % (len(message), message) for message in messages)
    talk().ok(command)
    assert server.mailbox("alice") == messages


def test_an_empty_message_cancels_all_of_them(server: Miniature, talk: Open) -> None:
    client = talk()
    assert client.answer(b"APPEND INBOX {%d+}\r\n%s {0+}\r\n {3+}\r\nabc" % (len(MESSAGE), MESSAGE)).startswith("NO ")
    assert client.answer("NOOP").startswith("OK")
    assert entries(server) == []
    assert rows(server, "SELECT id FROM blob") == []


def test_a_missing_folder_is_told_before_the_message_is_sent(talk: Open) -> None:
    assert talk().answer("APPEND Plans {100}").startswith("NO [TRYCREATE]")


def test_a_message_on_its_way_to_a_missing_folder_is_passed_over(server: Miniature, talk: Open) -> None:
    client, large = talk(), MESSAGE + b"a2 LOGOUT\r\n" * 100_000
    assert client.answer(b"APPEND Plans {%d+}\r\n%s {3+}\r\nabc" % (len(large), large)).startswith("NO [TRYCREATE]")
    assert client.answer("NOOP").startswith("OK")
    assert rows(server, "SELECT id FROM blob") == []


def test_a_message_that_is_too_large_is_refused_before_it_is_sent(talk: Open) -> None:
    client = talk()
    assert client.answer("APPEND INBOX {60000000}").startswith("NO [TOOBIG]")
    assert client.answer("NOOP").startswith("OK")


def test_one_that_is_too_large_and_on_its_way_is_not_read(talk: Open) -> None:
    client = talk()
    client.begin("APPEND INBOX {60000000+}")
    assert client.response().startswith(b"* BYE [TOOBIG]")
    assert client.response() == b""


def test_NUL_needs_a_literal8(server: Miniature, talk: Open) -> None:
    client, message = talk(), MESSAGE + b"\0binary\r\n"
    assert client.answer(b"APPEND INBOX {%d}" % len(message), message).startswith("NO")
    assert client.answer(b"APPEND INBOX ~{%d}" % len(message), message).startswith("OK")
    assert server.mailbox("alice") == [message]


def test_UTF8_literals_need_to_be_enabled(server: Miniature, talk: Open) -> None:
    client = talk()
    assert client.answer(b"APPEND INBOX UTF8 (~{%d+}\r\n%s)" % (len(OTHER), OTHER)).startswith("BAD")
    client.ok("ENABLE UTF8=ACCEPT")
    assert client.answer(b"APPEND INBOX UTF8 (~{%d}" % len(OTHER), OTHER + b")").startswith("OK")
    assert server.mailbox("alice") == [OTHER]


def test_a_full_account_takes_no_more(server: Miniature, talk: Open) -> None:
    account = server.context.accounts.get("alice")
    assert account is not None
    server.context.db.write(lambda tx: tx.do("UPDATE account SET quota_messages = 1 WHERE id = ?", (account.id,)))
    client = talk()
    two = b"APPEND INBOX {%d+}\r\n%s {%d+}\r\n%s" % (len(MESSAGE), MESSAGE, len(OTHER), OTHER)
    assert client.answer(two).startswith("NO [OVERQUOTA]")
    assert entries(server) == []
    client.ok(b"APPEND INBOX {%d}" % len(MESSAGE), MESSAGE)
    assert client.answer(b"APPEND INBOX {%d}" % len(MESSAGE), MESSAGE).startswith("NO [OVERQUOTA]")


def test_nobody_sends_messages_of_which_none_can_be_kept(server: Miniature, talk: Open) -> None:
    server.context.accounts.update("alice", quota_messages=2)
    client, taken = talk(), 0
    client.begin(b"APPEND INBOX {5}")
    while (answer := client.response()).startswith(b"+"):
        taken += 1
        client.peer.send(b"12345 {5}\r\n")
    assert b"NO [OVERQUOTA]" in answer
    assert (taken, entries(server)) == (3, [])


def test_a_client_that_hangs_up_within_a_message_leaves_nothing(server: Miniature, talk: Open) -> None:
    client = talk()
    client.begin(b"APPEND INBOX {2000000+}\r\n" + b"x" * 1_000_000)
    client.close()
    assert entries(server) == []
    assert rows(server, "SELECT id FROM blob") == []


def test_a_client_may_take_longer_than_our_work_for_its_message(server: Miniature, talk: Open) -> None:
    object.__setattr__(server.services["IMAP4"].limits, "work", 0.2)
    client = talk()
    tag = client.begin(b"APPEND INBOX {30+}\r\n1234567890")
    for piece in (b"1234567890", b"12345678", b"\r\n"):
        gevent.sleep(0.15)
        client.peer.send(piece)
    assert client.until(tag)[-1].startswith(b"OK")
    assert server.mailbox("alice") == [b"1234567890\r\n123456789012345678"]
