"""What takes over while a relay cannot be used, and what does not."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from postroom.clients.smtp.connect import Dialer
from postroom.config.core_sections import QueueSettings
from postroom.mail.delivery import Delivered, Failed, Outcome, TryLater
from postroom.mail.reply import Reply
from postroom.provided import Outgoing, Sender, SendingRules
from postroom.sending.filtering import Filter
from postroom.sending.windows import Rate
from postroom_smtp_relay.fallback import Fallback
from postroom_smtp_relay.plugin import Plugin, Settings
from postroom_smtp_relay.sender import RelaySender
from tests.core.clients.smtp_peer import PLAIN, Peer, outgoing

REFUSED = "C: MAIL *\nS: 250 Ok\nC: RCPT *\nS: 550 5.1.1 Nobody\nC: QUIT\nS: 221 Bye\n"


class FakeDns:
    """Is not asked for addresses."""

    def addresses(self, host: str) -> list[str]:
        raise AssertionError(host)


class Other:
    """Another sender, with outcomes that the test sets."""

    def __init__(self, outcome: Outcome, **rules: Any) -> None:
        self.name, self.rules, self.outcome = "Other", SendingRules(**rules), outcome
        self.sent: list[str] = []
        self.seen: list[Outgoing] = []

    def send(self, outgoing: Outgoing) -> Mapping[int, Outcome]:
        self.seen.append(outgoing)
        self.sent += [one.address for one in outgoing.recipients]
        return dict.fromkeys((one.id for one in outgoing.recipients), self.outcome)


@pytest.fixture
def dead() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def relay(port: int, *others: Any, name: str = "Relay", **section: Any) -> RelaySender:
    settings = Settings(name=name, servers=[f"relay.test:{port}"], encryption="none", fallback=[one.name for one in others], **section)
    senders: dict[str, Sender] = {one.name: one for one in others}
    return RelaySender(
        settings, "client.test", Dialer(lambda name: ["127.0.0.1"]), fallback=Fallback(name, settings.fallback, lambda: senders)
    )


def test_the_next_sender_takes_the_mail_of_a_relay_that_is_away(dead: int) -> None:
    other = Other(Delivered("250 Ok", how="by TLS"))
    outcome = relay(dead, other).send(outgoing("a@one.test", "b@two.test"))[1]
    assert other.sent == ["a@one.test", "b@two.test"]
    assert isinstance(outcome, Delivered)
    assert outcome.how.startswith("by Other, because Relay could not be used (relay.test[127.0.0.1]")
    assert outcome.how.endswith("; by TLS")


def test_the_attempt_is_that_of_the_sender_that_takes_over(dead: int) -> None:
    other = Other(Delivered("250 Ok"))
    relay(dead, other).send(replace(outgoing("a@one.test"), by="Relay"))
    assert [one.by for one in other.seen] == ["Other"]


def test_a_filter_of_the_next_sender_counts_all_recipients_of_the_message(dead: int) -> None:
    other = Other(Delivered("250 Ok"), takes=Filter.parse("Attempt: Recipients<=50"))
    relay(dead, other).send(replace(outgoing("a@one.test"), total=51))
    assert other.sent == []
    relay(dead, other).send(replace(outgoing("a@one.test"), total=50))
    assert other.sent == ["a@one.test"]


def test_an_answer_of_the_relay_is_an_answer() -> None:
    other = Other(Delivered("250 Ok"))
    with Peer(PLAIN + REFUSED) as peer:
        sender = relay(peer.port, other)
        outcome = sender.send(outgoing("a@one.test"))[1]
        sender.close()
    assert isinstance(outcome, Failed)
    assert other.sent == []


def test_what_the_other_sender_is_answered_counts(dead: int) -> None:
    outcome = relay(dead, Other(Failed(Reply(550, "5.1.1", "Nobody")))).send(outgoing("a@one.test"))[1]
    assert isinstance(outcome, Failed)


def test_when_the_others_are_away_too_the_fault_of_the_relay_stays(dead: int) -> None:
    outcome = relay(dead, Other(TryLater(Reply(451, "4.4.1", "Other is away"), kind="connect"))).send(outgoing("a@one.test"))[1]
    assert isinstance(outcome, TryLater)
    assert outcome.kind == "connect"
    assert "Connection refused" in outcome.reply.text
    assert outcome.how.endswith("Other: Other is away")


@pytest.mark.parametrize(
    "rules", [{"max_size": 10}, {"takes": Filter.parse("!one.test\n")}, {"rate": Rate(1, None, 60.0)}], ids=["size", "filter", "rate"]
)
def test_a_sender_takes_over_only_what_it_would_take_from_the_queue(dead: int, rules: dict[str, Any]) -> None:
    other = Other(Delivered("250 Ok"), **rules)
    assert isinstance(relay(dead, other).send(outgoing("a@one.test"))[1], TryLater)
    assert other.sent == []


def test_two_relays_may_stand_in_for_each_other(dead: int) -> None:
    one = relay(dead, Other(Delivered("x")), name="One")
    two = relay(dead, Other(Delivered("x")), name="Two")
    senders: dict[str, Sender] = {"One": one, "Two": two}
    one.fallback, two.fallback = Fallback("One", ["Two"], lambda: senders), Fallback("Two", ["One"], lambda: senders)
    outcome = one.send(outgoing("a@one.test"))[1]
    assert isinstance(outcome, TryLater)
    assert outcome.kind == "connect"


def test_mail_without_an_account_goes_to_the_fallback() -> None:
    other = Other(Delivered("250 Ok"))
    sender = relay(9, other, accounts=[{"user": "ann", "username": "ann", "password": "x"}])
    outcome = sender.send(replace(outgoing("a@one.test"), user="bob"))[1]
    assert isinstance(outcome, Delivered)
    assert "no account of sender Relay" in outcome.how


def test_mail_without_an_account_that_nobody_takes_waits_alone() -> None:
    other = Other(TryLater(Reply(451, "4.4.1", "away"), kind="connect"))
    outcome = relay(9, other, accounts=[{"user": "ann", "username": "ann", "password": "x"}]).send(outgoing("a@one.test"))[1]
    assert isinstance(outcome, TryLater)
    assert outcome.kind == "answer"
    assert outcome.ours
    assert outcome.reply.text == "no account of sender Relay is for this message"


def test_a_relay_that_was_away_is_not_asked_again_for_each_message(dead: int, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Other(Delivered("250 Ok"))
    sender = relay(dead, other)
    sender.send(outgoing("a@one.test"))
    monkeypatch.setattr(sender.courier, "deliver", lambda *_: pytest.fail("it was asked again"))
    assert isinstance(sender.send(outgoing("b@one.test"))[1], Delivered)


def test_the_plugin_finds_senders_of_other_plugins(dead: int) -> None:
    other = Other(Delivered("250 Ok"))
    ask = SimpleNamespace(collect=lambda hook: [other], hooks=SimpleNamespace(server_replied=SimpleNamespace(get_hookimpls=list)))
    config = SimpleNamespace(server=SimpleNamespace(hostname="client.test"), queue=QueueSettings())
    context = SimpleNamespace(config=config, dns=FakeDns(), ask=ask, log=None)
    plugin = Plugin(context, Settings(servers=[f"127.0.0.1:{dead}"], fallback=["Other"]))  # type: ignore[arg-type]
    assert isinstance(plugin.senders[0].send(outgoing("a@one.test"))[1], Delivered)
    assert other.sent == ["a@one.test"]


def problems(**section: Any) -> list[str]:
    return [".".join(map(str, place)) for place, _ in Settings(**section).checks()]


def test_a_fallback_names_others_each_once() -> None:
    assert problems(servers=["a.test"], fallback=["Relay", "B", "B", "LAN"]) == ["fallback.0", "fallback.2", "fallback.3"]


def test_a_fallback_with_a_rate_is_refused() -> None:
    one, two = {"name": "A", "servers": ["a.test"], "fallback": ["B"]}, {"name": "B", "servers": ["b.test"], "rate": {"messages": 5}}
    assert problems(senders=[one, two]) == ["senders.0.fallback.0"]
