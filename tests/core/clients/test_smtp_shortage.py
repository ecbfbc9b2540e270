"""A machine without descriptors: the mail waits, and nothing is held against servers."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from postroom.clients.oauth import OAuthSettings, TokenSource, TokenUnavailable
from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.courier import Courier
from postroom.clients.smtp.faults import Strained, Unreachable, together
from postroom.clients.smtp.hop import Credentials, Encryption, NextHop
from postroom.clients.smtp.pool import Pool, SessionLimits
from postroom.clients.smtp.securing import Plan, Securing
from postroom.clients.smtp.session import Session
from postroom.clients.smtp.shortages import EVERY, Shortages
from postroom.dns import Resolver
from postroom.mail.delivery import Delivered, TryLater
from tests.shortages import without_descriptors

from .smtp_peer import PLAIN, Peer, courier, hop, outgoing

SENT = f"{PLAIN}C: MAIL *\nS: 250 Ok\nC: RCPT *\nS: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\nC: QUIT\nS: 221 Bye"
LACK = "This server cannot open a connection now: Too many open files"


class Log:
    """What was logged."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def error(self, event: str, **facts: Any) -> None:
        self.lines.append({"event": event, **facts})


@pytest.mark.parametrize("resolve", [lambda name: ["127.0.0.1"], Resolver().addresses])
def test_mail_waits_for_a_reason_of_our_own_and_leaves_as_soon_as_there_are_descriptors(resolve: Callable[[str], list[str]]) -> None:
    with Peer(SENT) as peer:
        carrier = Courier(Dialer(resolve), Pool(SessionLimits(), time.monotonic), time.monotonic)
        with without_descriptors():
            outcome = carrier.deliver(outgoing(), [hop(peer, host="localhost")])[1]
        assert isinstance(outcome, TryLater)
        assert (outcome.kind, outcome.server, outcome.reply.enhanced, outcome.ours) == ("answer", "", "4.3.0", True)
        assert "Too many open files" in outcome.reply.text
        assert isinstance(carrier.deliver(outgoing(), [hop(peer, host="localhost")])[1], Delivered)
        carrier.pool.close()


def test_what_could_not_be_tried_weighs_more_than_what_failed() -> None:
    found = together([Unreachable("one is dead", "5.4.4", code=550), Strained.by("full"), Unreachable("two is dead", "4.4.1")])
    assert (found.kind, found.reply.enhanced, found.final) == ("answer", "4.3.0", False)
    assert "one is dead" in str(found) and "full" in str(found)


def test_connections_that_wait_for_mail_make_room_for_one_that_has_some() -> None:
    class Full(Dialer):
        """Opens one connection and no second one, while the first is open."""

        def open(self, hop: NextHop, ears: Any = None) -> Session:
            if len(carrier.pool):
                raise Strained.by("full")
            return super().open(hop, ears)

    script = SENT.replace("C: QUIT\nS: 221 Bye", "C: QUIT")
    with Peer(script) as first, Peer(script) as second:
        carrier = courier()
        carrier.dialer = Full(lambda name: ["127.0.0.1"])
        outcomes = [carrier.deliver(outgoing(), [hop(peer)])[1] for peer in (first, second)]
        carrier.pool.close()
    assert [type(one) for one in outcomes] == [Delivered, Delivered]


def test_the_administrator_hears_of_it_every_ten_minutes_with_what_helps() -> None:
    log, now = Log(), [0.0]
    shortages = Shortages(log, "Direct", lambda: now[0])
    carrier = Courier(Full(), Pool(SessionLimits(), time.monotonic), time.monotonic, shortages=shortages)
    for now[0] in (0.0, 1.0, EVERY - 1, EVERY, EVERY + 1):
        carrier.deliver(outgoing(), [NextHop("mx.test")])
    assert [(one["event"], one["sender"], one["attempts"]) for one in log.lines] == [
        ("sending.shortage", "Direct", 1),
        ("sending.shortage", "Direct", 3),
    ]
    assert log.lines[0]["reason"] == LACK
    assert "LimitNOFILE" in log.lines[0]["remedy"]


class Full(Dialer):
    """This machine is always short of descriptors."""

    def __init__(self) -> None:
        super().__init__(lambda name: ["127.0.0.1"])

    def open(self, hop: NextHop, ears: Any = None) -> Session:
        raise Strained.by("Too many open files")


def test_issuers_that_cannot_be_read_now_are_no_fault_of_a_server_nor_of_the_settings() -> None:
    securing = Securing()
    place, plan = NextHop("mx.test"), Plan(Encryption.STARTTLS)
    with without_descriptors(), pytest.raises(Strained, match="Too many open files"):
        securing._context(place, plan)
    assert securing._context(place, plan).verify_mode == ssl.CERT_REQUIRED


def test_a_token_that_cannot_be_asked_for_is_no_refused_login_and_is_asked_for_again_at_once() -> None:
    offers = "S: 220 mx.test ESMTP\nC: EHLO client.test\nS: 250-mx.test\nS: 250 AUTH XOAUTH2\n!gone"
    with Peer(offers, offers) as peer:
        tokens, said = TokenSource(OAuthSettings(token_url="http://127.0.0.1:1/token", client_id="c"), time.monotonic), list[TryLater]()
        login = Credentials("me", tokens=Lacking(tokens, [True, False]))
        for _ in range(2):
            said.append(courier().deliver(outgoing(), [hop(peer, credentials=login)])[1])  # type: ignore[arg-type]
    assert [(one.kind, one.reply.enhanced) for one in said] == [("answer", "4.3.0"), ("login", "4.7.0")]
    assert "Connection refused" in said[1].reply.text


class Lacking:
    """A source of tokens on a machine that is now and then short of descriptors."""

    def __init__(self, tokens: TokenSource, turns: Sequence[bool]) -> None:
        self.tokens, self.turns = tokens, list(turns)

    def token(self) -> str:
        if not self.turns.pop(0):
            return self.tokens.token()
        with without_descriptors():
            return self.tokens.token()

    def reject(self, token: str) -> None:
        raise AssertionError


def test_a_token_source_says_that_it_could_not_ask() -> None:
    tokens = TokenSource(OAuthSettings(token_url="http://127.0.0.1:1/token", client_id="c"), time.monotonic)
    with without_descriptors(), pytest.raises(TokenUnavailable, match="Too many open files") as caught:
        tokens.token()
    assert caught.value.local
    assert tokens._tls is None  # else it would be kept without the issuers that could not be read
