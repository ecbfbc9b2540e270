"""Chains that we make and dkimpy validates, and the other way round (RFC 8617)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import dkim as dkimpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.mail.arc import Chain, authentication_results, seal, validate
from postroom.mail.dkim import BodyHash, KeyUnavailable, Plan, hash_body, verify
from postroom.mail.dkim.canonical import fields
from postroom.mail.message import Message
from tests.core.mail.dkim.keys import DOMAIN, PRIVATE, RSA_PEM, SIGNATURES, UNSIGNED, for_dkimpy, published

NOW = int(time.time())  # dkimpy looks at the clock
HOST = "mail.example.test"


def checked(data: bytes) -> Chain:
    return validate(Message.whole(data), published, NOW)


def passed_on(data: bytes, selector: str = "test", body: str = "relaxed") -> bytes:
    message, digest = Message.whole(data), BodyHash(body)
    hash_body(message, [digest])
    said = authentication_results(fields(message), HOST, verify(message, published, NOW), checked(data).cv)
    plan = Plan(DOMAIN, selector, "relaxed", body)
    lines = seal(fields(message), digest.digest(), checked(data), said, PRIVATE[selector], plan, NOW)
    return b"".join(line + b"\r\n" for line in lines) + data


def by_dkimpy(data: bytes) -> bytes:
    seen = b"Authentication-Results: dkimpy.test; dkim=none; arc=%s\r\n" % checked(data).cv.encode()
    lines = dkimpy.arc_sign(seen + data, b"test", DOMAIN.encode(), RSA_PEM.encode(), b"dkimpy.test")
    return b"".join(lines) + data


def verdict_of_dkimpy(data: bytes) -> bytes:
    verdict: bytes = dkimpy.arc_verify(data, dnsfunc=for_dkimpy)[0]
    return verdict


def links(count: int) -> Iterator[bytes]:
    data = UNSIGNED
    for _ in range(count):
        data = passed_on(data)
        yield data


def test_a_message_without_a_chain_has_none() -> None:
    assert checked(UNSIGNED) == Chain("none")


@pytest.mark.parametrize("body", ["simple", "relaxed"])
def test_dkimpy_accepts_our_first_seal(body: str) -> None:
    assert verdict_of_dkimpy(passed_on(UNSIGNED, body=body)) == b"pass"


def test_dkimpy_accepts_a_chain_of_ours() -> None:
    assert [verdict_of_dkimpy(data) for data in links(4)] == [b"pass"] * 4


def test_we_accept_a_chain_of_both() -> None:
    data = passed_on(by_dkimpy(passed_on(by_dkimpy(UNSIGNED))))
    assert checked(data).cv == "pass"
    assert verdict_of_dkimpy(data) == b"pass"
    assert checked(data).highest == 4


def test_a_chain_may_be_sealed_with_Ed25519() -> None:
    assert checked(passed_on(passed_on(UNSIGNED, "brisbane"))).cv == "pass"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"Hi.", b"Ho.", "the message signature of instance 2: the body has been changed"),
        (b"i=1; mail.example.test", b"i=1; liar.example.test", "the seal of instance 2 does not match"),
        (b"cv=pass", b"cv=none", "the seal of instance 2 says cv=none"),
        (b"ARC-Seal: i=1", b"X-ARC-Seal: i=1", "a field of the chain is missing"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=2", "a field of instance 2 is there twice"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=51", "a field has no instance from 1 to 50"),
    ],
)
def test_a_chain_that_was_tampered_with_fails(old: bytes, new: bytes, reason: str) -> None:
    data = passed_on(passed_on(UNSIGNED))
    assert old in data
    broken = data.replace(old, new)
    assert (checked(broken).cv, checked(broken).reason) == ("fail", reason)
    assert verdict_of_dkimpy(broken) == b"fail"


def test_a_broken_chain_is_sealed_as_broken_and_then_nobody_adds_to_it() -> None:
    broken = passed_on(passed_on(UNSIGNED).replace(b"Hi.", b"Ho."))
    assert b"ARC-Seal: i=2; a=rsa-sha256; t=%d; cv=fail" % NOW in broken
    assert checked(broken).closed
    assert passed_on(broken) == broken


def test_no_more_than_50_links_are_made() -> None:
    chain = Chain("pass", (), "", 50, closed=True)
    assert seal([], b"", chain, "", PRIVATE["test"], Plan(DOMAIN, "test"), NOW) == []
    full = UNSIGNED
    for number in range(1, 51):
        full = b"ARC-Seal: i=%d; cv=pass\r\n" % number + full
    assert checked(full).closed


def test_a_key_that_cannot_be_had_now_breaks_nothing_for_good() -> None:
    def away(name: str) -> str:
        raise KeyUnavailable("the DNS does not answer")

    data = passed_on(UNSIGNED)
    chain = validate(Message.whole(data), away, NOW)
    assert (chain.cv, chain.temporary) == ("fail", True)
    assert seal(fields(Message.whole(data)), b"", chain, "", PRIVATE["test"], Plan(DOMAIN, "test"), NOW) == []


def test_our_own_findings_are_taken_over_and_those_of_others_are_not() -> None:
    evil, ours = b"Authentication-Results: evil.example; dkim=pass\r\n", b"Authentication-Results: Mail.example.test;\r\n spf=pass (ok)\r\n"

    assert authentication_results(fields(Message.whole(evil + ours + UNSIGNED)), HOST, [], "none") == f"{HOST}; spf=pass (ok); arc=none"


def test_more_fields_than_fifty_links_have_are_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.mail.arc.chain.highest", lambda found: pytest.fail("they were read"))
    chain = checked(b"ARC-Seal: i=1; cv=none\r\n" * 151 + UNSIGNED)
    assert (chain.cv, chain.closed, chain.reason) == ("fail", True, "there are more fields than 50 links have")


def test_a_chain_of_fifty_links_is_valid_and_full() -> None:
    (*_, full) = links(50)
    assert (checked(full).cv, checked(full).highest, checked(full).closed) == ("pass", 50, True)
    assert passed_on(full) == full


def test_nobody_takes_a_chain_that_we_have_sealed_as_broken() -> None:
    broken = passed_on(passed_on(UNSIGNED).replace(b"Hi.", b"Ho."))
    assert verdict_of_dkimpy(broken) != b"pass"
    assert checked(broken).reason == "the seal of instance 2 says cv=fail"


def test_the_fields_of_a_link_stand_in_order_above_everything_else() -> None:
    made = passed_on(passed_on(SIGNATURES + UNSIGNED))
    names = [one.name for one in fields(Message.whole(made))][:7]
    assert names == [b"arc-seal", b"arc-message-signature", b"arc-authentication-results"] * 2 + [b"dkim-signature"]


PIECES = st.sampled_from([b" ", b"\t", b"\r\n", b"text", b"\r\n\r\n", b"\xe4", b"  x \t\r\n"])
SEALERS = st.sampled_from([passed_on, by_dkimpy, lambda data: passed_on(data, body="simple")])


@settings(max_examples=60, deadline=None)
@given(body=st.lists(PIECES, max_size=10).map(b"".join), sealers=st.lists(SEALERS, min_size=1, max_size=4))
def test_any_chain_of_both_is_valid_for_both(body: bytes, sealers: list[Callable[[bytes], bytes]]) -> None:
    data = b"From: a@football.example.com\r\nSubject:  x \r\n folded\r\nSubject: twice\r\n\r\n" + body + b"\r\n"
    for sealer in sealers:
        data = sealer(data)
    assert (checked(data).cv, checked(data).highest, verdict_of_dkimpy(data)) == ("pass", len(sealers), b"pass")
