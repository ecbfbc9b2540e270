"""Signatures and key records that strangers write: what is wrong is told, and nothing raises."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.dkim import KeyUnavailable, Result, generate, key_names, parse_record, record_text, verify
from postroom.mail.dkim.canonical import Field
from postroom.mail.dkim.keys import BadKey
from postroom.mail.dkim.signature import Signature, parse
from postroom.mail.message import Message
from tests.core.mail.dkim.keys import PUBLISHED, SIGNATURES, UNSIGNED, published

NOW = 1_528_637_999
ED25519 = SIGNATURES[: SIGNATURES.index(b"DKIM-Signature", 5)]
NAME = "brisbane._domainkey.football.example.com"


def result(signature: bytes = ED25519, now: float = NOW, record: str = PUBLISHED[NAME]) -> Result:
    found = verify(Message.whole(signature + UNSIGNED), lambda name: record, now)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"v=1", b"v=2", "the version is not 1"),
        (b"v=1; ", b"v=1; v=1; ", "the tag v is there twice"),
        (b"v=1; ", b"v=1; nonsense; ", "the tag list has a part that is no tag"),
        (b"a=ed25519-sha256", b"a=rsa-sha1", "the algorithm (a=) is missing, not known or no longer accepted"),
        (b"c=relaxed/relaxed", b"c=nofws", "the canonicalization (c=) is not known"),
        (b"i=@football", b"i=@other", "the identity (i=) is not within the domain (d=)"),
        (b"h=from : to", b"h=to : to", "the field From is not signed"),
        (b"q=dns/txt", b"q=carrier/pigeon", "the key is to be asked for in a way that is not known"),
        (b"t=1528637909", b"t=9; x=5", "it expires before it was made"),
        (b"t=1528637909", b"t=soon", "a value is not a number"),
        (b"b=/gCri", b"b=*gCri", "a value is not base64"),
        (b"s=brisbane", b"s=../etc", "the selector (s=) is missing or none"),
        (b"d=football", b"d=foot ball", "the domain (d=) is missing or none"),
        (b"t=1528637909", b"l=9999", "the body is shorter than the signature says"),
    ],
)
def test_a_wrong_signature_is_a_permanent_error(old: bytes, new: bytes, reason: str) -> None:
    changed = ED25519.replace(b": from : subject : date;", b": subject : date;") if b"h=to" in new else ED25519
    assert (result(changed.replace(old, new)).status, result(changed.replace(old, new)).reason) == ("permerror", reason)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("", "there is no key record"),
        ("v=DKIM1; k=ed25519; p=", "the key has been revoked"),
        ("v=DKIM2; p=AAAA", "the key record is not one of DKIM1"),
        ("k=ed25519; v=DKIM1; p=AAAA", "the key record is not one of DKIM1"),
        ("v=DKIM1; k=ed25519", "the key record cannot be read"),
        ("v=DKIM1; k=ed25519; p=AAAA", "the key cannot be read"),
        ("v=DKIM1; k=ed448; p=AAAA", "the key record has a kind of key that is not known"),
        ("v=DKIM1; k=rsa; p=AAAA", "the key is of another kind"),
        (PUBLISHED[NAME].replace("h=sha256", "h=sha1"), "the key is not for this hash"),
        (PUBLISHED[NAME].replace("h=sha256", "s=tlsrpt"), "the key is not for mail"),
        ("x" * 9000, "the key record is too long"),
    ],
)
def test_a_key_record_that_does_not_do_is_a_permanent_error(record: str, reason: str) -> None:
    assert (result(record=record).status, result(record=record).reason) == ("permerror", reason)


def test_RSA_keys_of_less_than_1024_bits_are_refused() -> None:
    short = (
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL7dsYIaDC/UWKuCGTFQbzsSLyxbtOpPdDSfBTPB9Nb9xZB1iYQcXeFO7WfRiFYVWdXyBBUtNCVSOkWVmN0wZtcCAwEAAQ=="
    )
    with pytest.raises(BadKey, match="512 bits is not accepted"):
        parse_record(f"v=DKIM1; p={short}").verifies(b"", b"")


def test_an_expired_signature_and_one_of_the_future_are_told() -> None:
    assert result(ED25519.replace(b"t=1528637909", b"t=1528637909; x=1528637910")).reason == "the signature has expired"
    assert result(now=NOW - 86_400).reason == "the signature was made in the future"


def test_a_key_that_cannot_be_had_just_now_is_a_temporary_error() -> None:
    def away(name: str) -> str:
        raise KeyUnavailable("no DNS today")

    found = verify(Message.whole(ED25519 + UNSIGNED), away, NOW)
    assert (found[0].status, found[0].reason) == ("temperror", "no DNS today")


def test_a_key_for_trying_out_is_told() -> None:
    assert result(record=PUBLISHED[NAME].replace("h=sha256", "t=y:s")).testing


def test_of_many_signatures_ten_are_looked_at() -> None:
    assert len(verify(Message.whole(ED25519 * 30 + UNSIGNED), published, NOW)) == 10


def test_the_keys_that_will_be_asked_for_are_known_before() -> None:
    assert key_names(Message.whole(SIGNATURES + UNSIGNED)) == list(PUBLISHED)


@given(st.binary(max_size=120))
def test_any_signature_gives_a_result(value: bytes) -> None:
    data = b"DKIM-Signature: v=1; " + value.replace(b"\n", b"") + b"\r\n" + UNSIGNED
    assert all(one.status == "permerror" for one in verify(Message.whole(data), published, NOW))


@given(st.text(max_size=80))
def test_any_key_record_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadKey):
        parse_record("v=DKIM1; " + text)


def test_a_new_key_is_published_as_it_is_read() -> None:
    key = generate("ed25519")
    assert parse_record(record_text(key)).public == key.public()


def test_thousands_of_signatures_cost_no_more_than_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Field] = []

    def counted(field: Field) -> Signature:
        read.append(field)
        return parse(field)

    monkeypatch.setattr("postroom.mail.dkim.verifying.parse", counted)
    verify(Message.whole(b"DKIM-Signature: v=1\r\n" * 5000 + UNSIGNED), published, 0)
    assert len(read) == 10
