"""Relays with logins by user and by From, other senders that stand in, sizes, and POP3 before SMTP, with a real Postfix and smtp-sink."""

from __future__ import annotations

import pytest

from tests.interop.programs import message, wait_until
from tests.interop.ways import Ways

LARGE = (b"x" * 70 + b"\r\n") * 300  # 21 KB


def test_mail_of_a_user_goes_with_the_login_of_the_user(ways: Ways) -> None:
    found, told = ways.delivered(message(sender="ann@sales.example"), "jim@accounts.test", user="ann")
    assert b"(Authenticated sender: ann@isp)" in found
    assert told["how"].startswith("account ann@isp; TLSv1.3")


def test_mail_from_an_address_goes_with_the_login_of_the_address(ways: Ways) -> None:
    found, told = ways.delivered(message(sender="Bob <bob@sales.example>"), "jim@accounts.test", user="bob")
    assert b"(Authenticated sender: sales@isp)" in found
    assert told["how"].startswith("account sales@isp; TLSv1.3")


def test_mail_of_people_without_an_account_goes_by_the_other_sender(ways: Ways) -> None:
    found, told = ways.delivered(message(), "jim@accounts.test", user="bob")
    assert b"Authenticated sender" not in found
    assert told["how"].startswith("by Plain, because Accounts could not be used (no account of sender Accounts")


def test_a_login_that_the_relay_refuses_makes_room_for_the_other_sender(ways: Ways) -> None:
    found, told = ways.delivered(message(), "jim@accounts.test", user="joe")
    assert b"Authenticated sender" not in found
    assert "does not accept the login of joe@isp" in told["how"]


@pytest.mark.parametrize(("body", "by"), [(b"x\r\n", "Tiny"), (LARGE, "Plain")], ids=["small", "large"])
def test_the_first_sender_of_the_list_takes_over_that_can_and_may(ways: Ways, body: bytes, by: str) -> None:
    """The one that is asked first is away too, the next takes small messages only."""
    mail = message(body)
    told = ways.told(ways.send(mail, "jim@away.test"), "delivered")
    assert told["how"].startswith(f"by {by}, because Away could not be used")
    assert told["server"] == f"127.0.0.1:{ways.ports.sink if by == 'Tiny' else ways.ports.postfix}"


@pytest.mark.parametrize(("body", "sender"), [(b"x\r\n", "sink"), (LARGE, "postfix")], ids=["small", "large"])
def test_a_message_above_the_size_of_one_sender_leaves_by_another(ways: Ways, body: bytes, sender: str) -> None:
    told = ways.told(ways.send(message(body), "jim@sized.test"), "delivered")
    assert told["server"] == f"127.0.0.1:{getattr(ways.ports, sender)}"


def test_a_message_that_is_too_large_for_its_only_sender_comes_back(ways: Ways) -> None:
    ways.server.empty("bob")
    ways.send(message(LARGE), "jim@tiny.test")
    [report] = wait_until(lambda: ways.server.inbox("bob"))
    assert b"Status: 5.3.4\r\n" in report


def test_POP3_before_SMTP(ways: Ways) -> None:
    """A run whose login fails sends nothing; the next, whose login succeeds, sends what waits."""
    mail, password = message(), ways.folder / "password"
    trace = ways.send(mail, "jim@dialup.test")
    password.write_text("wrong")
    ways.server.run("connect", "Modem")
    ways.server.wait_for_log("connection.ended")
    assert "no collector has logged in" in ways.server.log
    assert [event for event, _ in ways.life(trace)] == ["accepted"]
    password.write_text("secret")
    ways.server.run("connect", "Modem")
    assert ways.told(trace, "delivered")["server"] == f"127.0.0.1:{ways.ports.postfix}"
