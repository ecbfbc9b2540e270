"""IDLE: what changes is told at once, whoever changes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from postroom.store.database import StoreUnavailable
from postroom.testing import Miniature
from postroom_imap4_server.view import View
from tests.plugins.imap4_server.talk import Talk

Client = Callable[..., Talk]


def idling(talk: Talk) -> bytes:
    """Begin to idle; the tag."""
    tag = talk.begin("IDLE")
    assert talk.response() == b"+ idling"
    return tag


def done(talk: Talk, tag: bytes) -> list[bytes]:
    """End it."""
    talk.peer.send(b"DONE\r\n")
    return talk.until(tag)


def test_a_delivery_is_told_within_a_fifth_of_a_second(server: Miniature, talk: Client) -> None:
    alice = talk("alice")
    alice.ok("SELECT INBOX")
    tag = idling(alice)
    assert server.send("x@elsewhere.example", "alice@example.test").startswith("250")
    begun = time.monotonic()
    assert alice.response() == b"* 1 EXISTS"
    assert time.monotonic() - begun < 0.2
    assert done(alice, tag)[-1] == b"OK IDLE terminated"


def test_what_happened_before_idle_is_told_at_its_beginning(server: Miniature, talk: Client) -> None:
    alice = talk("alice")
    alice.ok("SELECT INBOX")
    server.send("x@elsewhere.example", "alice@example.test")
    idling(alice)
    assert alice.response() == b"* 1 EXISTS"


def test_lost_news_are_found_by_the_slow_look(server: Miniature, talk: Client) -> None:
    alice = talk("alice")
    alice.ok("SELECT INBOX")
    idling(alice)
    gevent.sleep(0.05)
    server.context.news._subscribers["mailbox"].clear()
    server.send("x@elsewhere.example", "alice@example.test")
    server.plugin("imap4_server").watching.look()
    assert alice.response() == b"* 1 EXISTS"


def test_what_cannot_be_looked_up_at_once_is_told_a_little_later(server: Miniature, talk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom_imap4_server.commands.idle.RETRY_SECONDS", 0.05)
    alice, updates, faults = talk("alice"), View.updates, [StoreUnavailable("gone")]

    def fails_once(view: View, *arguments: Any, **options: Any) -> None:
        if faults and view.exists == 0:
            raise faults.pop()
        updates(view, *arguments, **options)

    alice.ok("SELECT INBOX")
    server.send("x@elsewhere.example", "alice@example.test")
    monkeypatch.setattr(View, "updates", fails_once)
    idling(alice)
    assert alice.response() == b"* 1 EXISTS"


def test_flags_and_expunges_of_others_are_told(server: Miniature, talk: Client) -> None:
    for _ in range(2):
        server.send("x@elsewhere.example", "alice@example.test")
    alice, other = talk("alice"), talk("alice")
    for client in (alice, other):
        client.ok("SELECT INBOX")
    idling(alice)
    other.ok("STORE 2 +FLAGS (\\Flagged)")
    assert alice.response().startswith(b"* 2 FETCH (")
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    assert alice.response().startswith(b"* 1 FETCH (")
    assert alice.response() == b"* 1 EXPUNGE"


def test_another_word_than_done_is_an_error(talk: Client) -> None:
    alice = talk("alice")
    tag = idling(alice)
    alice.peer.send(b"NOOP\r\n")
    assert alice.until(tag) == [b"BAD DONE was expected"]
    assert alice.answer("NOOP") == "OK NOOP completed"


def test_done_may_come_in_small_letters_and_with_the_next_command(talk: Client) -> None:
    alice = talk("alice")
    tag = idling(alice)
    alice.peer.send(b"done\r\n")
    next_tag = alice.begin("NOOP")
    assert alice.until(tag) == [b"OK IDLE terminated"]
    assert alice.until(next_tag) == [b"OK NOOP completed"]


def test_a_switched_off_idle_is_neither_offered_nor_obeyed(configured: Callable[..., Miniature]) -> None:
    with Talk(configured(idle=False)) as alice:
        alice.log_in()
        assert b" IDLE" not in alice.ok("CAPABILITY")[0]
        assert alice.answer("IDLE") == "BAD IDLE is switched off here"


def test_who_idles_hears_that_the_server_stops(talk: Client) -> None:
    alice = talk("alice")
    idling(alice)
    alice.peer.stream.stop()
    assert alice.response().startswith(b"* BYE [UNAVAILABLE] ")
    assert alice.response() == b""
