"""Accounts of a relay: whose mail goes with which login, and what a wrong one means for the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from postroom.clients.smtp.connect import Dialer
from postroom.mail.delivery import Delivered, TryLater
from postroom.provided import Outgoing
from postroom_smtp_relay.accounts import choose
from postroom_smtp_relay.plugin import Settings
from postroom_smtp_relay.sender import RelaySender
from tests.core.clients.smtp_peer import Peer, outgoing

ANN = {"user": "ann", "username": "ann@isp.example", "password": "one"}
SALES = {"user": "*@sales.example", "username": "sales@isp.example", "password": "two"}
OPEN = "S: 220 mx.test\nC: EHLO client.test\nS: 250-mx.test\nS: 250 AUTH PLAIN\n"
SENT = "C: MAIL *\nS: 250 Ok\nC: RCPT *\nS: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\n"
QUIT = "C: QUIT\nS: 221 Bye\n"
LOGINS = {"ann": "AGFubkBpc3AuZXhhbXBsZQBvbmU=", "sales": "AHNhbGVzQGlzcC5leGFtcGxlAHR3bw=="}


def relay(*ports: int, **section: Any) -> RelaySender:
    servers = [f"relay.test:{port}" for port in ports] or ["relay.test"]
    return RelaySender(Settings(servers=servers, encryption="none", **section), "client.test", Dialer(lambda name: ["127.0.0.1"]))


def letter(user: str | None = None, header: bytes = b"", sender: str = "me@client.test") -> Outgoing:
    return replace(outgoing("you@far.example", message=header + b"Subject: x\r\n\r\nText\r\n"), user=user, sender=sender)


@pytest.mark.parametrize(
    ("message", "username"),
    [
        (letter("ann"), "ann@isp.example"),
        (letter("ANN"), "ann@isp.example"),
        (letter("bob", b"From: Bob <bob@Sales.example>\r\n"), "sales@isp.example"),
        (letter(None, b"From: bob@sales.example\r\n"), "sales@isp.example"),
        (letter("bob", sender="bob@sales.example"), "sales@isp.example"),
        (letter("bob", b"From: bob@elsewhere.example\r\n", "bob@sales.example"), "all@isp.example"),
        (letter("ann", b"From: bob@sales.example\r\n"), "ann@isp.example"),
        (letter(None, b"From: =?utf-8?q?=00?= <<>\r\n", ""), "all@isp.example"),
    ],
)
def test_the_first_account_that_suits_the_user_or_the_from_address_is_taken(message: Outgoing, username: str) -> None:
    sender = relay(accounts=[ANN, SALES], username="all@isp.example", password="three")
    account = choose(sender.accounts, message)
    assert account is not None
    assert account.username == username


def test_without_a_login_for_all_the_others_are_sent_without_one() -> None:
    account = choose(relay(accounts=[ANN]).accounts, letter("bob"))
    assert account is not None
    assert (account.username, account.hops[0].credentials) == ("", None)


def test_the_login_of_the_account_is_used_and_told_in_the_trace() -> None:
    with Peer(
        f"{OPEN}C: AUTH PLAIN {LOGINS['ann']}\nS: 235 Ok\n{SENT}{QUIT}", f"{OPEN}C: AUTH PLAIN {LOGINS['sales']}\nS: 235 Ok\n{SENT}{QUIT}"
    ) as peer:
        sender = relay(peer.port, accounts=[ANN, SALES])
        first = sender.send(letter("ann"))[1]
        sender.close()
        sender = relay(peer.port, accounts=[ANN, SALES])
        second = sender.send(letter("bob", b"From: bob@sales.example\r\n"))[1]
        sender.close()
    assert isinstance(first, Delivered) and isinstance(second, Delivered)
    assert first.how.startswith("account ann@isp.example")
    assert second.how.startswith("account sales@isp.example")


def test_an_account_may_have_servers_of_its_own() -> None:
    with Peer(f"{OPEN}C: AUTH PLAIN {LOGINS['ann']}\nS: 235 Ok\n{SENT}{QUIT}") as peer:
        sender = relay(9, accounts=[ANN | {"servers": [f"own.test:{peer.port}"]}])
        assert isinstance(sender.send(letter("ann"))[1], Delivered)
        sender.close()


def test_a_wrong_password_of_one_account_does_not_hold_back_the_mail_of_others() -> None:
    with Peer(f"{OPEN}C: AUTH PLAIN *\nS: 535 5.7.8 No\n!gone") as peer:
        outcome = relay(peer.port, accounts=[ANN]).send(letter("ann"))[1]
    assert isinstance(outcome, TryLater)
    assert outcome.kind == "answer"
    assert outcome.ours
    assert "item 1 of accounts" in outcome.reply.text or "ann@isp.example" in outcome.reply.text


def test_a_wrong_password_of_the_sender_itself_is_a_fault_of_the_way() -> None:
    with Peer(f"{OPEN}C: AUTH PLAIN *\nS: 535 5.7.8 No\n!gone") as peer:
        outcome = relay(peer.port, accounts=[ANN], username="all", password="x").send(letter("bob"))[1]
    assert isinstance(outcome, TryLater)
    assert outcome.kind == "login"


def test_it_explains_whose_mail_goes_with_which_login() -> None:
    assert relay(accounts=[ANN, SALES], username="all", password="x").explain(letter(sender="")) == [
        "handed to relay.test, without encryption",
        "mail of ann as ann@isp.example at relay.test:25",
        "mail of *@sales.example as sales@isp.example at relay.test:25",
        "all other mail as all",
    ]


@pytest.mark.parametrize(
    ("user", "sender", "words"),
    [
        ("ann", "a@b.test", ["mail of ann as ann@isp.example at relay.test:25"]),
        (None, "joe@sales.example", ["mail of *@sales.example as sales@isp.example at relay.test:25"]),
        ("bob", "bob@b.test", ["all other mail as all"]),
        ("bob", "", ["all other mail as all", "its From address is not known here (--from)"]),
    ],
)
def test_it_explains_which_login_a_message_would_go_with(user: str | None, sender: str, words: list[str]) -> None:
    one = relay(accounts=[ANN, SALES], username="all", password="x")
    assert one.explain(letter(user, sender=sender))[1:] == words


def test_it_explains_that_no_account_is_for_a_message() -> None:
    one = relay(accounts=[ANN], fallback=["Other"])
    assert "no account is for this message" in one.explain(letter("bob", sender="bob@b.test"))


def test_passwords_of_accounts_are_not_printed() -> None:
    sender = relay(accounts=[ANN], username="all", password="three")
    assert not [word for word in ("'one'", "three") if word in repr(sender.settings) + repr(sender.accounts)]
