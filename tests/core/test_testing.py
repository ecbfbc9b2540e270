"""The miniature server and the fakes that plugin authors test with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from postroom import Failed, Reply, TryLater
from postroom.config.load import ConfigError
from postroom.dns import DnsFailure
from postroom.testing import Clock, FakeResolver, Miniature, client, message
from postroom.testing.fixtures import miniature

__all__ = ["miniature"]

Make = Callable[..., Miniature]
LATER = TryLater(Reply(451, "4.7.1", "Come back"), "outbox")
NEVER = Failed(Reply(550, "5.1.1", "No such user here"), "outbox")


def test_a_message_to_a_user_is_in_the_inbox_when_it_is_answered(miniature: Make) -> None:
    server = miniature()
    server.add_user("alice")
    reply = server.send("bob@elsewhere.example", "alice@example.test", text="Subject: Hi\n\n.dotted\n")
    assert reply.startswith("250 ")
    assert server.mailbox("alice")[0].endswith(b"Subject: Hi\r\n\r\n.dotted\r\n")


def test_a_stranger_may_not_relay(miniature: Make) -> None:
    assert miniature().send("bob@elsewhere.example", "carol@other.example").startswith("550 5.7.1 ")


def test_mail_for_elsewhere_leaves_through_the_outbox(miniature: Make) -> None:
    server = miniature()
    assert server.send("alice@example.test", "carol@other.example", no_auth=True).startswith("250 ")
    server.wait_for(1)
    [sent] = server.outbox.sent
    assert (sent.sender, sent.recipient) == ("alice@example.test", "carol@other.example")
    assert sent.data.endswith(b"Subject: Hello\r\n\r\nHello.\r\n")


def test_the_queue_tries_again_when_the_clock_is_moved(miniature: Make) -> None:
    server = miniature()
    server.outbox.answers["carol@other.example"] = [LATER, NEVER]
    server.add_user("alice")
    server.send("alice@example.test", "carol@other.example", no_auth=True)
    server.wait_for(1)
    server.later(120)
    server.wait_for(2)
    assert b"No such user here" in server.mailbox("alice")[0]


def test_a_user_logs_in(miniature: Make) -> None:
    server = miniature()
    server.add_user("alice", "secret")
    with server.connect("Submission", address="127.0.0.1") as peer:
        assert "AUTH" in peer.say("EHLO client.example")
        assert peer.say("AUTH PLAIN AGFsaWNlAHNlY3JldA==").startswith("235 ")


def test_a_peer_hears_nothing_more_when_the_server_has_hung_up(miniature: Make) -> None:
    with miniature().connect() as peer:
        assert peer.greeting.startswith("220 mail.example.test ")
        assert peer.say("QUIT").startswith("221 ")
        assert peer.line() is None


def test_a_wrong_section_is_reported_as_check_reports_it(miniature: Make) -> None:
    with pytest.raises(ConfigError, match="local_delivery"):
        miniature({"local_delivery": {"no_such_key": 1}})


def test_the_life_of_a_message_can_be_read(miniature: Make) -> None:
    server = miniature()
    server.add_user("alice")
    trace = server.send("bob@elsewhere.example", "alice@example.test").split()[-1]
    assert server.events(trace)


def test_names_that_are_not_in_the_table_do_not_exist() -> None:
    resolver = FakeResolver({"mx.example": ["192.0.2.1"]}, temporary=["slow.example"])
    assert resolver.addresses("MX.example.") == ["192.0.2.1"]
    for name, temporary in (("no.example", False), ("slow.example", True)):
        with pytest.raises(DnsFailure) as failure:
            resolver.addresses(name)
        assert failure.value.temporary is temporary


def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock = Clock(100.0)
    clock.advance(5)
    clock.sleep(1)
    assert clock() == 106.0


def test_values_are_made_in_one_line() -> None:
    assert client(address="198.51.100.1", no_auth=True).address == "198.51.100.1"
    assert message("Subject: =?utf-8?q?caf=C3=A9?=\n\nx\n").header("subject") == "café"
