"""Connections protected as the other domain demands: DANE, MTA-STS, REQUIRETLS, and TLS that is no must."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from postroom.clients.smtp.pool import SessionLimits
from postroom.hookspecs import hookimpl
from postroom.mail.delivery import Delivered, Failed, TryLater
from postroom.tls_policy.sts import StsPolicy
from postroom.tls_policy.sts_cache import Known
from tests.authority import Issued, issue, root
from tests.core.clients.smtp_peer import GREETING, PLAIN, Peer, outgoing
from tests.plugins.smtp_direct.direct import direct, table

OFFER = GREETING + "S: 250-mx.test\nS: 250 STARTTLS\n"
STARTTLS = OFFER + "C: STARTTLS\nS: 220 Go\n"
MAIL = "C: MAIL *\nS: 250 Ok\nC: RCPT *\nS: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\nC: QUIT\nS: 221 Bye"
ENCRYPTED = f"{STARTTLS}!tls\nC: EHLO client.test\nS: 250-mx.test\nS: 250 REQUIRETLS\n{MAIL}"
CLEAR = f"{PLAIN}{MAIL}"
REFUSED = f"{STARTTLS}!tls\n!gone"
REPORT = b"TLS-Report-Domain: d.test\r\n\r\nHello\r\n"
RELAXED = b"Subject: hello\r\nTLS-Required: No\r\n\r\nHello\r\n"


@dataclass
class Trust:
    """An authority, a certificate of mx.d.test, and a file with the authority."""

    authority: Issued
    server: Issued
    context: ssl.SSLContext
    ca: Path


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    folder = tmp_path_factory.mktemp("tls")
    authority = root()
    server = issue("mx.d.test", by=authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.write(folder))
    return Trust(authority, server, context, authority.write_ca(folder))


class Noted(list[tuple[str, str]]):
    """In place of the collector of results."""

    def note(self, policy: Any, demand: Any, result: str = "", **facts: Any) -> None:
        self.append((demand.facts.type, result))


class Sts:
    """In place of the cache of policies."""

    def __init__(self, mode: Any, *mx: str) -> None:
        self.known = Known(StsPolicy(mode, mx, 86400))

    def current(self, domain: str) -> Known:
        return self.known


def tlsa(one: Issued, usage: int = 3) -> tuple[int, int, int, bytes]:
    return usage, 1, 1, hashlib.sha256(one.spki).digest()


@contextlib.contextmanager
def attempt(
    trust: Trust, *scripts: str, records: Any = (), sts: Sts | None = None, plugins: Any = (), dead: Any = (), **settings: Any
) -> Iterator[Any]:
    """A function that sends a message to d.test, and what is noted for reports. ``dead``: servers before mx.d.test with bad TLSA zones."""
    noted = Noted()
    with Peer(*scripts, context=trust.context) as peer:
        servers = [*((5, host) for host in dead), (10, "mx.d.test")]
        resolver = table(
            {"d.test": servers}, [f"_{peer.port}._tcp.{host}" for host in dead],
            tlsa={f"_{peer.port}._tcp.mx.d.test": records}, secure=["*"] if records or dead else [],
        )  # fmt: skip
        tls = {"ca": trust.ca, **settings.pop("tls", {})}
        sender = direct(resolver, *plugins, port=peer.port, tls=tls, **settings)
        sender.maker._results = noted  # type: ignore[assignment]
        sender.router._policies._sts = sts  # type: ignore[assignment]
        sender.courier.pool.limits = SessionLimits(messages=1)  # each connection ends with its message
        yield lambda **more: sender.send(outgoing("you@d.test", **more))[1], noted
        sender.close()


def test_tls_is_taken_where_it_is_offered_whatever_the_certificate(trust: Trust) -> None:
    with attempt(trust, ENCRYPTED) as (send, noted):
        outcome = send()
    assert isinstance(outcome, Delivered)
    assert outcome.how.startswith("TLSv1.3, its certificate is not looked at")
    assert noted == [("no-policy-found", "")]


def test_a_certificate_that_fits_its_tlsa_record_is_taken(trust: Trust) -> None:
    with attempt(trust, ENCRYPTED, records=[tlsa(trust.server)]) as (send, noted):
        assert "fits the TLSA record 3 1 1" in send().how
    assert noted == [("tlsa", "")]


def test_an_authority_in_a_tlsa_record_is_taken_for_the_servers_name(trust: Trust) -> None:
    with attempt(trust, ENCRYPTED, records=[tlsa(trust.authority, 2)]) as (send, _):
        assert "fits the TLSA record 2 1 1" in send().how


def test_a_certificate_that_does_not_fit_gets_no_mail_not_even_in_the_clear(trust: Trust) -> None:
    with attempt(trust, REFUSED, records=[tlsa(root())]) as (send, noted):
        outcome = send()
    assert isinstance(outcome, TryLater)
    assert (outcome.kind, outcome.reply.enhanced) == ("tls", "4.7.5")
    assert "does not fit the TLSA record (DANE: TLSA records of mx.d.test)" in outcome.reply.text
    assert noted == [("tlsa", "validation-failure")]


@pytest.mark.parametrize("script", [f"{PLAIN}!gone", f"{OFFER}C: STARTTLS\nS: 454 Not now\n!gone"])
def test_dane_sends_nothing_without_tls(trust: Trust, script: str) -> None:
    with attempt(trust, script, records=[tlsa(trust.server)]) as (send, noted):
        outcome = send()
    assert isinstance(outcome, TryLater)
    assert noted == [("tlsa", "starttls-not-supported")]


def test_a_certificate_for_the_domain_of_the_mail_will_do_below_an_anchor(trust: Trust, tmp_path: Path) -> None:
    """RFC 7672 section 3.2.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issue("d.test", by=trust.authority).write(tmp_path))
    with attempt(replace(trust, context=context), ENCRYPTED, records=[tlsa(trust.authority, 2)]) as (send, _):
        assert isinstance(send(), Delivered)


def test_a_certificate_for_another_name_will_not_do_below_an_anchor(trust: Trust, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issue("mx.e.test", by=trust.authority).write(tmp_path))
    with attempt(replace(trust, context=context), REFUSED, records=[tlsa(trust.authority, 2)]) as (send, noted):
        assert isinstance(send(), TryLater)
    assert noted == [("tlsa", "certificate-host-mismatch")]


def test_records_of_no_use_demand_tls_with_any_certificate(trust: Trust) -> None:
    """RFC 7672 section 2.2."""
    with attempt(trust, ENCRYPTED, records=[(1, 1, 1, bytes(32))]) as (send, _):
        assert "its certificate is not looked at" in send().how
    with attempt(trust, f"{PLAIN}!gone", records=[(3, 1, 9, bytes(32))]) as (send, noted):
        assert isinstance(send(), TryLater)
    assert noted == [("tlsa", "starttls-not-supported")]


def test_a_server_whose_records_cannot_be_looked_up_makes_room_for_the_next(trust: Trust) -> None:
    with attempt(trust, ENCRYPTED, records=[tlsa(trust.server)], dead=["mx0.d.test"]) as (send, noted):
        assert "before: DANE: its TLSA records cannot be looked up" in send().how
    assert noted == [("tlsa", "dnssec-invalid"), ("tlsa", "")]


def test_mail_waits_when_no_records_can_be_looked_up(trust: Trust) -> None:
    with attempt(trust, dead=["mx0.d.test", "mx.d.test"]) as (send, _):
        outcome = send()
    assert isinstance(outcome, TryLater)
    assert (outcome.kind, outcome.reply.enhanced) == ("dns", "4.4.3")


def test_without_dane_tlsa_records_are_not_asked_for(trust: Trust) -> None:
    with attempt(trust, ENCRYPTED, records=[tlsa(root())], tls={"dane": False}) as (send, _):
        assert isinstance(send(), Delivered)


def test_mta_sts_takes_a_certificate_for_the_servers_name(trust: Trust) -> None:
    with attempt(trust, ENCRYPTED, sts=Sts("enforce", "*.d.test")) as (send, noted):
        assert "its certificate is valid for mx.d.test" in send().how
    assert noted == [("sts", "")]


def test_mta_sts_refuses_a_certificate_of_an_unknown_authority(trust: Trust) -> None:
    with attempt(trust, f"{STARTTLS}!tls", sts=Sts("enforce", "mx.d.test"), tls={"ca": None}) as (send, noted):
        outcome = send()
    assert isinstance(outcome, TryLater) and outcome.kind == "tls"
    assert "MTA-STS: the policy of d.test (enforce)" in outcome.reply.text
    assert noted == [("sts", "certificate-not-trusted")]


def test_mta_sts_refuses_a_server_that_it_does_not_name(trust: Trust) -> None:
    with attempt(trust, sts=Sts("enforce", "other.test")) as (send, noted):
        outcome = send()
    assert isinstance(outcome, TryLater)
    assert "mx.d.test is not among the servers" in outcome.reply.text
    assert noted == [("sts", "validation-failure")]


@pytest.mark.parametrize("mx", ["mx.d.test", "other.test"])
def test_a_policy_that_is_only_tested_is_noted_and_mail_goes(trust: Trust, mx: str) -> None:
    scripts = (f"{STARTTLS}!tls", ENCRYPTED) if mx == "mx.d.test" else (ENCRYPTED,)
    with attempt(trust, *scripts, sts=Sts("testing", mx), tls={"ca": None}) as (send, noted):
        outcome = send()
    assert isinstance(outcome, Delivered)
    assert [kind for kind, _ in noted] == ["sts"] and noted[0][1]


def test_a_policy_that_is_only_tested_lets_mail_go_in_the_clear(trust: Trust) -> None:
    with attempt(trust, CLEAR, sts=Sts("testing", "mx.d.test")) as (send, noted):
        assert isinstance(send(), Delivered)
    assert noted == [("sts", "starttls-not-supported")]


@pytest.mark.parametrize("mx", ["mx.d.test", "other.test"])
def test_a_policy_that_is_only_tested_does_not_undo_the_settings(trust: Trust, mx: str) -> None:
    with attempt(trust, *[f"{PLAIN}!gone"] * (1 + (mx == "mx.d.test")), sts=Sts("testing", mx), tls={"default": "required"}) as (send, _):
        assert isinstance(send(), TryLater)


def test_mail_that_does_without_protection_proves_nothing_about_it(trust: Trust) -> None:
    with attempt(trust, ENCRYPTED, records=[tlsa(root())]) as (send, noted):
        assert isinstance(send(message=RELAXED), Delivered)
    assert noted == []


BROKEN = [
    f"{STARTTLS}!close",
    f"{STARTTLS}!octets 5\n!raw this is not TLS at all\n!hang",
    f"{STARTTLS}!hang",
    f"{OFFER}C: STARTTLS\n!close",
    f"{OFFER}C: STARTTLS\nS: 421 Bye\n!close",
    f"{STARTTLS}!tls\nC: EHLO client.test\n!close",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_when_tls_that_is_no_must_fails_mail_goes_without_it(trust: Trust, broken: str) -> None:
    with attempt(trust, broken, CLEAR, timeouts={"handshake": "200ms", "command": "2s", "greeting": "2s"}) as (send, noted):
        outcome = send()
    assert isinstance(outcome, Delivered)
    assert outcome.how.startswith("in the clear; before: mx.d.test[127.0.0.1]")
    assert len(noted) == 1


def test_the_settings_may_forbid_mail_in_the_clear_after_a_failure(trust: Trust) -> None:
    with attempt(trust, f"{STARTTLS}!close", tls={"fall_back": False}) as (send, _):
        outcome = send()
    assert isinstance(outcome, TryLater) and outcome.kind == "tls"


def test_tls_may_be_demanded_of_everybody(trust: Trust) -> None:
    with attempt(trust, f"{PLAIN}!gone", tls={"default": "required"}) as (send, _):
        outcome = send()
    assert isinstance(outcome, TryLater)
    assert "which TLS is a must by the settings demands" in outcome.reply.text


def test_tls_may_be_done_without(trust: Trust) -> None:
    with attempt(trust, f"{OFFER}{MAIL}", tls={"default": "none"}) as (send, noted):
        assert isinstance(send(), Delivered)
    assert noted == []


def test_no_setting_lowers_what_a_policy_demands(trust: Trust) -> None:
    with attempt(trust, f"{PLAIN}!gone", records=[tlsa(trust.server)], tls={"default": "none"}) as (send, _):
        assert isinstance(send(), TryLater)


def test_a_message_may_do_without_protection(trust: Trust) -> None:
    """RFC 8689 section 5."""
    with attempt(trust, CLEAR, records=[tlsa(trust.server)]) as (send, _):
        assert isinstance(send(message=RELAXED), Delivered)


def test_a_report_of_our_own_goes_whatever_a_policy_demands_and_is_not_reported_on(trust: Trust) -> None:
    """RFC 8460 section 3."""
    with attempt(trust, CLEAR, records=[tlsa(trust.server)]) as (send, noted):
        assert isinstance(send(message=REPORT), Delivered)
    assert noted == []


def test_mail_of_others_that_looks_like_a_report_gets_no_leave(trust: Trust) -> None:
    with attempt(trust, f"{PLAIN}!gone", records=[tlsa(trust.server)]) as (send, noted):
        assert isinstance(send(message=REPORT, client_address="192.0.2.1"), TryLater)
    assert noted == [("tlsa", "starttls-not-supported")]


def test_a_message_may_demand_protection_that_somebody_vouches_for(trust: Trust) -> None:
    script = ENCRYPTED.replace("MAIL *", "MAIL FROM:<me@client.test> REQUIRETLS")
    with attempt(trust, script, records=[tlsa(trust.server)]) as (send, _):
        assert isinstance(send(requiretls=True, message=RELAXED), Delivered)


@pytest.mark.parametrize("signed", [False, True])
def test_a_message_that_demands_protection_comes_back_where_there_is_none(trust: Trust, signed: bool) -> None:
    script = [ENCRYPTED.partition("S: 250-mx.test\nS: 250 REQUIRETLS")[0] + "S: 250 mx.test\nC: QUIT\nS: 221 Bye"] if signed else []
    with attempt(trust, *script, records=[tlsa(trust.server)] if signed else []) as (send, noted):
        outcome = send(requiretls=True)
    assert noted == ([("tlsa", "")] if signed else [])  # a domain without a policy has done nothing wrong
    assert isinstance(outcome, Failed)
    assert outcome.reply.enhanced == "5.7.30"


class TlsChoice:
    """A plugin with its own mind about TLS."""

    def __init__(self, answer: str) -> None:
        self.answer, self.seen = answer, ""

    @hookimpl
    def server_tls(self, domain: str, server: str, outgoing: Any, encryption: str) -> str:
        self.seen = f"{domain} {server} {encryption}"
        return self.answer


def test_a_plugin_may_switch_tls_off_for_a_server(trust: Trust) -> None:
    plugin = TlsChoice("none")
    with attempt(trust, f"{OFFER}{MAIL}", plugins=[plugin]) as (send, _):
        assert isinstance(send(), Delivered)
    assert plugin.seen == "d.test mx.d.test starttls-if-available"


def test_a_plugin_may_demand_tls(trust: Trust) -> None:
    with attempt(trust, f"{PLAIN}!gone", plugins=[TlsChoice("starttls")]) as (send, _):
        assert isinstance(send(), TryLater)


def test_a_word_of_a_plugin_that_is_none_leaves_what_the_settings_demand(trust: Trust) -> None:
    with attempt(trust, f"{PLAIN}!gone", plugins=[TlsChoice("ssl")], tls={"default": "required"}) as (send, _):
        assert isinstance(send(), TryLater)


def test_a_plugin_may_want_tls_from_the_first_byte(trust: Trust) -> None:
    with attempt(trust, f"!tls\n{CLEAR}", plugins=[TlsChoice("tls")]) as (send, _):
        assert send().how.startswith("TLSv1.3")


def test_a_plugin_cannot_lower_what_a_policy_demands(trust: Trust) -> None:
    plugin = TlsChoice("none")
    with attempt(trust, f"{PLAIN}!gone", records=[tlsa(trust.server)], plugins=[plugin]) as (send, _):
        assert isinstance(send(), TryLater)
    assert plugin.seen.endswith("starttls")


def test_protected_and_other_mail_do_not_share_a_connection(trust: Trust) -> None:
    with attempt(trust, ENCRYPTED, CLEAR, records=[tlsa(trust.server)]) as (send, _):
        assert send().how.startswith("TLSv1.3")
        assert send(message=RELAXED).how == "in the clear"


@pytest.mark.parametrize(
    ("records", "sts", "words"),
    [
        ([], None, "mx.d.test:2525 (preference 10): at 127.0.0.1; no policy: TLS where it is offered"),
        ([(3, 1, 1, b"x" * 32)], None, "TLS with a certificate that fits its TLSA records (DANE: TLSA records of mx.d.test)"),
        ([], Sts("enforce", "mx.d.test"), "TLS with a certificate for its name (MTA-STS: the policy of d.test (enforce))"),
        ([], Sts("testing", "mx.d.test"), "(MTA-STS: the policy of d.test (testing); a failure is only noted, and the mail goes)"),
        ([], Sts("enforce", "other.test"), "cannot be used: MTA-STS: mx.d.test is not among the servers that the policy of d.test names"),
    ],
)
def test_explain_tells_what_the_domain_demands(records: Any, sts: Sts | None, words: str) -> None:
    resolver = table({"d.test": [(10, "mx.d.test")]}, tlsa={"_2525._tcp.mx.d.test": records}, secure=["*"] if records else [])
    sender = direct(resolver, port=2525)
    sender.router._policies._sts = sts  # type: ignore[assignment]
    assert words in "\n".join(sender.explain(outgoing("you@d.test")))
    sender.close()
