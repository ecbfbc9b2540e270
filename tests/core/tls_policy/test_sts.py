"""MTA-STS: the record, the text, the servers it allows (RFC 8461)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.tls_policy.sts import BadPolicy, StsPolicy, announced, parse

TEXT = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.net\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    "texts",
    [
        ["v=STSv1; id=20160831085700Z;"],
        ["v=STSv1;id=20160831085700Z"],
        ["v=STSv1 ; id=20160831085700Z ; future=1:2 ;"],
        ["some other text", "v=STSv1; id=20160831085700Z;", "v=STSv2; id=2"],
    ],
)
def test_one_good_record_announces_a_policy(texts: list[str]) -> None:
    assert announced(texts) == "20160831085700Z"


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["v=STSv1"],
        ["v=STSv1;"],
        ["v=STSv1; id="],
        ["v=STSv1; id=with-hyphen"],
        [f"v=STSv1; id={'1' * 33}"],
        ["v=STSv1; id=1; id=2"],
        ["v=STSv1; id=1; nonsense"],
        ["v=STSv1; id=1;;"],
        ["V=STSv1; id=1"],
        [" v=STSv1; id=1"],
        ["v=STSv10; id=1"],
        ["v=STSv1; id=1", "v=STSv1; id=2"],  # RFC 8461 section 3.1: two are none
    ],
)
def test_anything_else_announces_none(texts: list[str]) -> None:
    assert announced(texts) is None


def test_a_policy_is_read() -> None:
    assert parse(TEXT) == StsPolicy("enforce", ("mail.example.com", "*.example.net"), 604800)


@pytest.mark.parametrize(
    ("change", "policy"),
    [
        ((b"\r\n", b"\n"), StsPolicy("enforce", ("mail.example.com", "*.example.net"), 604800)),
        ((b"enforce", b"testing"), StsPolicy("testing", ("mail.example.com", "*.example.net"), 604800)),
        ((b"mode: enforce", b"mode:enforce  \r\nmode: none"), StsPolicy("enforce", ("mail.example.com", "*.example.net"), 604800)),
        ((b"max_age: 604800\r\n", b"future: a b\r\n\r\nmax_age: 1"), StsPolicy("enforce", ("mail.example.com", "*.example.net"), 1)),
        ((b"max_age", "future: a\u3000b\u200b ü\r\nmax_age".encode()), StsPolicy("enforce", ("mail.example.com", "*.example.net"), 604800)),
        ((b"604800", b"9999999999"), StsPolicy("enforce", ("mail.example.com", "*.example.net"), 31_557_600)),
        ((b"mx: mail.example.com\r\n", b""), StsPolicy("enforce", ("*.example.net",), 604800)),
    ],
)
def test_policies_may_be_written_in_many_ways(change: tuple[bytes, bytes], policy: StsPolicy) -> None:
    assert parse(TEXT.replace(*change)) == policy


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b"version: STSv1\r\n", b""), "no line `version: STSv1`"),
        ((b"STSv1", b"STSv2"), "no line `version: STSv1`"),
        ((b"mode: enforce", b"mode: maybe"), "no mode"),
        ((b"mode: enforce\r\n", b""), "no mode"),
        ((b"max_age: 604800", b""), "no max_age"),
        ((b"604800", b"-1"), "no max_age"),
        ((b"604800", b"12345678901"), "no max_age"),
        ((b"mx: mail.example.com\r\nmx: *.Example.net\r\n", b""), "names no mx"),
        ((b"*.Example.net", b"*.*.example.net"), "line 4: mx is not a host name"),
        ((b"*.Example.net", b"mail*.example.net"), "line 4: mx is not a host name"),
        ((b"*.Example.net", b"192.0.2.1/24"), "line 4: mx is not a host name"),
        ((b"mode: enforce", b"mode enforce"), "line 2 is not of the form"),
        ((b"mode: enforce", b"<html>"), "line 2 is not of the form"),
        ((b"mode: enforce", b"mode: enf\0rce"), "line 2 is not of the form"),
        ((b"mode: enforce", b"future: \x1b[2J"), "line 2 is not of the form"),
        ((b"mode", b"\xff"), "not UTF-8"),
        ((b"max_age", b"".join(b"mx: h%d.test\r\n" % n for n in range(501)) + b"max_age"), "more than 500"),
    ],
)
def test_a_faulty_policy_is_none(change: tuple[bytes, bytes], words: str) -> None:
    with pytest.raises(BadPolicy, match=words):
        parse(TEXT.replace(*change))


def test_a_policy_that_is_withdrawn_needs_no_servers() -> None:
    assert parse(b"version: STSv1\nmode: none\nmax_age: 86400\n") == StsPolicy("none", (), 86400)


LINES = (
    *TEXT.splitlines(), b"mode: none", b"mode:testing\t", b"Mode: enforce", b" mode: enforce", b"mode: enforce\x0b", b"version: STSv2", b"",
    b"mx: *", b"mx: a..b", b"mx: -a.test", b"mx: xn--bcher-kva.test", b"mx: b\xc3\xbccher.test", b"max_age:0", b"max_age: 99999999999",
    b"max_age: \xd9\xa3", b"x: \xe2\x80\xa8",
)  # fmt: skip
texts = st.builds(
    lambda lines, end: end.join(lines), st.lists(st.sampled_from(LINES), max_size=9), st.sampled_from([b"\n", b"\r\n", b"\r"])
)


@given(st.binary(max_size=400) | texts)
def test_whatever_is_sent_is_a_policy_or_a_fault(body: bytes) -> None:
    try:
        policy = parse(body)
    except BadPolicy:
        return
    assert policy.max_age <= 31_557_600
    assert bool(policy.mx) or policy.mode == "none"
    assert all(policy.matches(one.replace("*", "mx1")) for one in policy.mx)
    assert parse("\n".join(policy.lines).encode()) == policy


@given(st.lists(st.text(max_size=60).map(lambda text: "v=STSv1;" + text) | st.text(max_size=60), max_size=3))
def test_whatever_is_in_the_dns_announces_a_policy_or_none(texts: list[str]) -> None:
    found = announced(texts)
    assert found is None or (found.isalnum() and found.isascii() and len(found) <= 32)


@pytest.mark.parametrize(
    ("host", "whether"),
    [
        ("mail.example.com", True),
        ("MAIL.Example.com.", True),
        ("mx.example.net", True),
        ("a.mx.example.net", False),  # one label only, RFC 8461 section 4.1
        ("example.net", False),
        (".example.net", False),
        ("mail.example.org", False),
        ("", False),
    ],
)
def test_servers_are_allowed_by_name_and_by_one_wildcard_label(host: str, whether: bool) -> None:
    assert parse(TEXT).matches(host) is whether
