"""Plugins hear what servers say, and may change it, but cannot lead the dialogue astray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from postroom.asking import Asker
from postroom.clients.smtp.courier import Courier
from postroom.clients.smtp.ears import Ears, admissible
from postroom.hookspecs import hookimpl, new_manager
from postroom.mail.delivery import Delivered, Failed, Outcome, TryLater
from postroom.mail.reply import Reply
from postroom.provided import Outgoing

from .smtp_peer import PIPELINING, PLAIN, Peer, courier, hop, outgoing

Change = Callable[[str, Reply], Reply | None]
MAIL, RCPT = "C: MAIL *\nS: 250 Ok\n", "C: RCPT *\nS: 250 Ok\n"
SENT = f"{PLAIN}{MAIL}{RCPT}C: DATA\nS: 354 Go\n!message\nS: 250 Taken\nC: QUIT\nS: 221 Bye"


class Listener:
    """Notes what it hears."""

    def __init__(self, change: Change) -> None:
        self.change, self.heard = change, list[str]()

    @hookimpl
    def server_replied(self, sender: str, server: str, command: str, reply: Reply) -> Reply | None:
        self.heard.append(f"{command} -> {reply.code}")
        return self.change(command, reply)

    @hookimpl
    def server_connected(self, sender: str, server: str) -> None:
        self.heard.append(f"{sender} {server.partition('[')[0]}")


class Connected:
    """Hears of connections alone."""

    @hookimpl
    def server_connected(self, sender: str, server: str) -> None:
        pass


def listening(plugin: object) -> Courier:
    manager = new_manager()
    manager.register(plugin, "listener")
    carrier = courier()
    carrier._ears = Ears(Asker(manager.hook, lambda: 0.0, lambda *fault: None), "Direct")
    return carrier


def sent(peer: Peer, change: Change, message: Outgoing | None = None, **more: Any) -> tuple[dict[int, Outcome], list[str]]:
    plugin = Listener(change)
    carrier = listening(plugin)
    try:
        return carrier.deliver(message or outgoing(), [hop(peer, **more)]), plugin.heard
    finally:
        carrier.pool.close()


def answer(command: str, reply: Reply) -> Change:
    return lambda said, given: reply if said.startswith(command) and said else None


def test_each_reply_is_heard_with_its_command() -> None:
    with Peer(SENT) as peer:
        outcomes, heard = sent(peer, lambda command, reply: None)
    assert isinstance(outcomes[1], Delivered)
    assert heard == [
        " -> 220", "Direct mx.test", "EHLO client.test -> 250", "MAIL FROM:<me@client.test> -> 250", "RCPT TO:<you@mx.test> -> 250",
        "DATA -> 354", ". -> 250",
    ]  # fmt: skip


def test_a_login_is_heard_without_its_secrets() -> None:
    from postroom.clients.smtp.hop import Credentials

    script = "S: 220 mx\nC: EHLO *\nS: 250-mx\nS: 250 AUTH PLAIN\nC: AUTH *\nS: 235 Ok\n" + SENT.removeprefix(PLAIN)
    with Peer(script) as peer:
        _, heard = sent(peer, lambda command, reply: None, credentials=Credentials("me", "secret"))
    assert "AUTH -> 235" in heard


def test_what_a_plugin_makes_of_a_reply_is_the_outcome() -> None:
    with Peer(f"{PLAIN}{MAIL}C: RCPT *\nS: 450 Greylisted for ever\nC: QUIT\nS: 221 Bye") as peer:
        outcomes, _ = sent(peer, lambda command, reply: replace(reply, code=550) if reply.code == 450 else None)
    assert isinstance(outcomes[1], Failed)


def test_a_recipient_whom_a_plugin_refuses_gets_nothing() -> None:
    again = f"C: RSET\nS: 250 Ok\n{MAIL}C: RCPT TO:<b@mx.test>\nS: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\nC: QUIT\nS: 221 Bye"
    with Peer(f"{PIPELINING}{MAIL}{RCPT}{RCPT}{again}") as peer:
        outcomes, _ = sent(peer, answer("RCPT TO:<a@", Reply(550, "", "Not him")), outgoing("a@mx.test", "b@mx.test"))
    assert isinstance(outcomes[1], Failed)
    assert isinstance(outcomes[2], Delivered)


def test_a_plugin_that_refuses_all_recipients_sends_no_message() -> None:
    with Peer(f"{PIPELINING}{MAIL}{RCPT}C: QUIT\nS: 221 Bye") as peer:
        outcomes, _ = sent(peer, answer("RCPT", Reply(450, "", "Not now")))
    assert isinstance(outcomes[1], TryLater)
    assert peer.messages == []


def test_a_data_that_a_plugin_refuses_ends_the_connection() -> None:
    with Peer(f"{PLAIN}{MAIL}{RCPT}C: DATA\nS: 354 Go\n!gone") as peer:
        outcomes, _ = sent(peer, answer("DATA", Reply(451, "", "Not now")))
    assert isinstance(outcomes[1], TryLater)


def test_a_421_that_a_plugin_makes_final_is_final() -> None:
    with Peer(f"{PLAIN}{MAIL}C: RCPT *\nS: 421 Go away\n!close") as peer:
        outcomes, _ = sent(peer, lambda command, reply: Reply(550, "5.7.1", "Go away") if reply.code == 421 else None)
    assert isinstance(outcomes[1], Failed)


def test_only_listening_plugins_cost_the_pipeline() -> None:
    script = f"{PIPELINING}C: MAIL *\nC: RCPT *\nC: DATA\nS: 250 Ok\nS: 250 Ok\nS: 354 Go\n!message\nS: 250 Ok\nC: QUIT\nS: 221 Bye"
    with Peer(script) as peer:
        carrier = listening(Connected())
        assert isinstance(carrier.deliver(outgoing(), [hop(peer)])[1], Delivered)
        carrier.pool.close()


@pytest.mark.parametrize(
    ("command", "reply", "changed"),
    [
        ("MAIL FROM:<a@b>", Reply(250, "", "Ok"), Reply(354, "", "Go")),  # or the message would be taken for commands
        ("DATA", Reply(554, "", "No"), Reply(354, "", "Go")),
        ("AUTH", Reply(334, "", "abc"), Reply(535, "", "No")),
        ("STARTTLS", Reply(220, "", "Go"), Reply(454, "", "No")),
        ("RCPT TO:<a@b>", Reply(250, "", "Ok"), Reply(99, "", "?")),
        ("RCPT TO:<a@b>", Reply(250, "", "Ok"), Reply("250", "", "?")),  # type: ignore[arg-type]
        ("RCPT TO:<a@b>", Reply(250, "", "Ok"), "550 No"),
    ],
)
def test_what_cannot_be_a_reply_there_is_passed_over(command: str, reply: Reply, changed: object) -> None:
    assert admissible(command, reply, changed) is reply


def test_the_text_of_a_plugin_is_cleaned() -> None:
    changed = admissible("RCPT TO:<a@b>", Reply(250, "", "Ok"), Reply(550, "nonsense", "a\r\nb\x00"))
    assert changed == Reply(550, "", "a?\nb?")
