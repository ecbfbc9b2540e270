"""What leaves is signed with the keys of its author's domain; what goes on from here is sealed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dkim as dkimpy
import pytest

from postroom.mail.dkim import generate, key_name
from postroom.mail.dkim.canonical import fields
from postroom.mail.envelope import Envelope
from postroom.mail.message import Message
from postroom.testing.miniature import Miniature
from postroom.testing.resolver import FakeResolver
from postroom.tls_policy.posting import poster
from postroom.tls_policy.report import Reporter, TlsReport
from postroom.tls_policy.reporting import TlsReportMail
from postroom_dkim.lookups import Lookups
from postroom_dkim.plugin import Plugin
from postroom_dkim.rotation import activate_published
from tests.core.mail.dkim.keys import PUBLISHED, SIGNATURES, UNSIGNED

OURS = b"From: Ann <ann@example.test>\r\nTo: joe@far.example\r\nSubject: Hi\r\nDate: Sun, 22 Nov 2026 21:00:00 +0000\r\n\r\nHello\r\n"
LOCAL = Envelope("ann@example.test", user="ann", local_origin=True)
FOREIGN = Envelope("joe@football.example.com")
RSA = generate("rsa", 1024)


class House:
    """A server with the keys of example.test, and what its DNS says."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.dns = FakeResolver()
        self.server = Miniature(folder, {"dkim": settings}, resolver=self.dns)
        self.plugin: Plugin = self.server.plugin("dkim")
        self.keys = self.plugin.keys
        self.keys.add("example.test", [("one-rsa", RSA), ("one-ed", generate("ed25519"))], active=True)
        self.publish()

    def publish(self) -> None:
        for key in self.keys.all():
            self.dns.txt_records[key.name] = [key.record]

    def signed(self, data: bytes = OURS, envelope: Envelope = LOCAL, original: bytes = b"") -> bytes:
        lines = self.plugin.sign_message(Message.whole(data), envelope, Message.whole(original or data)) or ()
        return b"".join(line + b"\r\n" for line in lines) + data

    def texts(self, name: bytes, timeout: float = 5) -> bytes:
        return "".join(self.dns.txt_records.get(name.decode().rstrip("."), [])).encode()

    def signers(self, data: bytes) -> list[str]:
        """The domains of the signatures, all of which dkimpy must accept."""
        count = data.lower().count(b"dkim-signature:")
        checker = dkimpy.DKIM(data, minkey=1024)
        assert all(checker.verify(number, dnsfunc=self.texts) for number in range(count))
        return [line.split("d=")[1].split(";")[0] for line in data.decode().splitlines() if " d=" in line][:count]


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    made = House(tmp_path, getattr(request, "param", {}))
    yield made
    made.server.close()


def test_both_keys_sign_and_dkimpy_accepts_both(house: House) -> None:
    assert house.signers(house.signed()) == ["example.test", "example.test"]


def test_a_subdomain_is_signed_with_the_key_of_the_domain_above(house: House) -> None:
    assert house.signers(house.signed(OURS.replace(b"@example", b"@sub.example"))) == ["example.test"] * 2


def test_a_tls_report_is_signed(house: House) -> None:
    """RFC 8460 section 3: without a signature of the reporting domain it is ignored."""
    context = house.server.context
    report = TlsReport(Reporter("E", "tls@example.test", "tls@example.test", "mx.example.test"), "far.example", 20_000, ())
    send = poster(context.ask, context.blobs, context.queue, "mx.example.test")
    send(TlsReportMail("tls@example.test", "tls@far.example", report.mail("tls@far.example", 1.0)))
    house.server.wait_for(1)
    assert house.signers(house.server.outbox.sent[0].data) == ["example.test"] * 2


def test_a_stranger_who_claims_to_be_ours_is_not_signed(house: House) -> None:
    assert b"DKIM-Signature" not in house.signed(OURS, Envelope("evil@far.example"))


def test_without_a_key_for_the_author_nothing_is_signed(house: House) -> None:
    assert house.signed(UNSIGNED) == UNSIGNED


@pytest.mark.parametrize("house", [{"fallback": "envelope"}, {"fallback": "default"}], indirect=True)
def test_another_key_may_sign_instead_where_that_is_wished(house: House) -> None:
    assert house.signers(house.signed(UNSIGNED)) == ["example.test"] * 2


@pytest.mark.parametrize("house", [{"domains": ["other.test"]}], indirect=True)
def test_domains_that_are_not_named_are_not_signed(house: House) -> None:
    assert house.signed() == OURS


@pytest.mark.parametrize(
    "house", [{"expire": "7d", "canonicalization": "simple/simple", "headers": ["Subject"], "oversign": []}], indirect=True
)
def test_the_settings_are_in_the_signature(house: House) -> None:
    made = house.signed().decode()
    times = [int(made.split(mark)[1].split(";")[0]) for mark in (" t=", " x=")]
    assert times[1] - times[0] == 7 * 86_400
    assert abs(times[0] - time.time()) < 3600
    assert "c=simple/simple" in made
    assert "h=from:from:subject;" in made.replace("\r\n\t", " ").replace("\n\t", " ")
    assert house.signers(house.signed()) == ["example.test"] * 2


def test_a_changed_From_or_a_second_one_breaks_our_signature(house: House) -> None:
    made = house.signed().replace(b"From: Ann", b"From: x@evil.example\r\nFrom: Ann")
    assert not dkimpy.verify(made, dnsfunc=house.texts, minkey=1024)


def test_mail_that_goes_on_from_here_is_sealed(house: House) -> None:
    made = house.signed(SIGNATURES + UNSIGNED, FOREIGN)
    assert dkimpy.arc_verify(made, dnsfunc=house.texts, minkey=1024)[0] == b"pass"
    assert b"ARC-Authentication-Results: i=1; mail.example.test" in made
    assert b"cv=none" in made


def test_a_chain_grows_and_a_broken_one_is_said_to_be_broken(house: House) -> None:
    once = house.signed(SIGNATURES + UNSIGNED, FOREIGN)
    twice = house.signed(once, FOREIGN)
    assert dkimpy.arc_verify(twice, dnsfunc=house.texts, minkey=1024)[0] == b"pass"
    broken = house.signed(once.replace(b"Hi.", b"Ho."), FOREIGN)
    assert b"cv=fail" in broken
    assert house.signed(broken, FOREIGN) == broken


def test_what_we_have_rewritten_ourselves_does_not_break_the_chain(house: House) -> None:
    house.dns.txt_records.update({name: [record] for name, record in PUBLISHED.items()})
    came = house.signed(SIGNATURES + UNSIGNED, FOREIGN)
    made = house.signed(came.replace(b"Subject: ", b"Subject: [List] "), FOREIGN, original=came)
    assert b"ARC-Seal: i=2" in made and b"cv=pass" in made
    assert b"dkim=pass" in next(one.value for one in fields(Message.whole(made)) if one.name == b"arc-authentication-results")


def test_findings_that_a_stranger_has_written_in_our_name_are_not_sealed_as_ours(house: House) -> None:
    forged = b"Authentication-Results: mail.example.test; spf=pass; dmarc=pass\r\n"
    made = house.signed(forged + SIGNATURES + UNSIGNED, FOREIGN)
    (said,) = [one.value for one in fields(Message.whole(made)) if one.name == b"arc-authentication-results"]
    assert b"dmarc" not in said


def test_findings_of_our_own_checks_are_sealed(house: House) -> None:
    envelope = Envelope(FOREIGN.sender, headers=[b"Authentication-Results: mail.example.test; spf=fail"])
    made = house.signed(envelope.headers[0] + b"\r\n" + UNSIGNED, envelope)
    assert b"i=1; mail.example.test; spf=fail; arc=none" in made.replace(b"\r\n\t", b" ")


@pytest.mark.parametrize("house", [{"arc": False}], indirect=True)
def test_nothing_is_sealed_where_that_is_off(house: House) -> None:
    assert house.signed(SIGNATURES + UNSIGNED, FOREIGN) == SIGNATURES + UNSIGNED


def test_a_seal_is_left_out_while_the_DNS_does_not_say_the_keys_of_the_chain(house: House) -> None:
    once = house.signed(SIGNATURES + UNSIGNED, FOREIGN)
    house.dns.temporary.add(key_name("one-rsa", "example.test"))
    assert house.signed(once, FOREIGN) == once


def test_a_new_key_signs_once_the_DNS_has_it(house: House) -> None:
    house.keys.add("example.test", [("two-ed", generate("ed25519"))], active=False)
    activate_published(house.keys, house.dns.txt, house.server.context.log)
    assert b"s=two-ed" not in house.signed()
    house.publish()
    activate_published(house.keys, house.dns.txt, house.server.context.log)
    assert b"s=two-ed" in house.signed()
    assert b"s=one-ed" not in house.signed()


def test_look_ups_end_when_the_time_for_a_message_is_over() -> None:
    from postroom.mail.dkim import KeyUnavailable

    clock = iter([0.0, 5.0])
    with pytest.raises(KeyUnavailable, match="takes too long"):
        Lookups(FakeResolver(), 4.0, lambda: next(clock))("a._domainkey.far.example")


def test_a_large_message_is_signed_as_a_small_one(house: House) -> None:
    assert house.signers(house.signed(OURS + b"line of text\r\n" * 20_000)) == ["example.test"] * 2
