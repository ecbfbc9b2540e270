"""Addresses: what is read, into which spelling, and what is refused with which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.address import (
    BadAddress,
    check_domain,
    domain_to_ascii,
    is_ascii,
    parse_address,
    parse_path,
    same_domain,
    split,
    unquoted,
)

GOOD = {
    "plain": [
        ("<bob@example.test>", "bob@example.test", ""),
        ("<Bob@Example.TEST>", "Bob@example.test", ""),  # the local part is the other server's business
        ("<a.b+c=d@x.y.z>", "a.b+c=d@x.y.z", ""),
        ("<!#$%&'*+/=?^_`{|}~-@x.y>", "!#$%&'*+/=?^_`{|}~-@x.y", ""),
        ("<a@localhost>", "a@localhost", ""),
        (" <a@b.c>", "a@b.c", ""),  # "MAIL FROM: <…>" is wrong and common
        ("<a@under_score.test>", "a@under_score.test", ""),
    ],
    "parameters stand behind": [
        ("<a@b.c> SIZE=10 BODY=8BITMIME", "a@b.c", "SIZE=10 BODY=8BITMIME"),
        ('<"x y"@b.c>  SIZE=10 ', '"x y"@b.c', "SIZE=10"),
        ("<> RET=HDRS", "", "RET=HDRS"),
    ],
    "no address at all": [("<>", "", ""), ("<postmaster>", "postmaster", ""), ("<PostMaster>", "PostMaster", "")],
    "source routes are dropped": [
        ("<@one.test:bob@example.test>", "bob@example.test", ""),
        ("<@one.test,@two.test:bob@example.test>", "bob@example.test", ""),
    ],
    "quotes stay only where they are needed": [
        ('<"bob"@x.y>', "bob@x.y", ""),
        ('<"bo\\b"@x.y>', "bob@x.y", ""),
        ('<"b b"@x.y>', '"b b"@x.y', ""),
        ('<"a@b"@x.y>', '"a@b"@x.y', ""),
        ('<"a>b"@x.y> X', '"a>b"@x.y', "X"),
        ('<"a\\"b"@x.y>', '"a\\"b"@x.y', ""),
        ('<"a\\\\b"@x.y>', '"a\\\\b"@x.y', ""),
        ('<".a"@x.y>', '".a"@x.y', ""),
        ('<""@x.y>', '""@x.y', ""),
    ],
    "address literals": [
        ("<a@[192.0.2.1]>", "a@[192.0.2.1]", ""),
        ("<a@[IPv6:2001:DB8:0::1]>", "a@[IPv6:2001:db8::1]", ""),
    ],
}

UTF8_GOOD = [
    ("<jörg@example.test>", "jörg@example.test"),
    ("<jörg@BÜCHER.example>", "jörg@bücher.example"),
    ("<用户@例子.广告>", "用户@例子.广告"),
    ('<"j ö"@example.test>', '"j ö"@example.test'),
    ("<a@bücher。example>", "a@bücher.example"),  # the ideographic full stop is a dot (UTS 46)
]

BAD = {
    "no brackets": ["", "a@b.c", "<a@b.c", "a@b.c>", "<", "<a", "<a@", '<"a'],
    "no or several domains": ["<bob>", "<a@b@c.d>", "<a@@b>", "<@b.c>", "<a@>", "<a@.>", "<a@b..c>", "<a@b.c.>", "<a@.b>"],
    "local part": ["<a..b@c.d>", "<.a@c.d>", "<a.@c.d>", "<a b@c.d>", "<a,b@c.d>", '<"a"b@c.d>', '<a"b"@c.d>', "<(c)a@c.d>", "<a\x00@c.d>"],
    "domain": ["<a@-b.c>", "<a@b-.c>", "<a@b c>", "<a@b!c>", "<a@b/c>", f"<a@{'x' * 64}.test>", "<a@b\x00.c>", "<a@b\r\n.c>"],
    "literals": ["<a@[1.2.3]>", "<a@[1.2.3.4>", "<a@[IPv6:xyz]>", "<a@[tag:x]>", "<a@[]>", "<a@[::1]>"],
    "too long": [f"<{'a' * 65}@b.c>", f"<a@{'.'.join(['x' * 60] * 5)}>", f"<{'a' * 64}@{'.'.join(['x' * 60] * 4)}>"],
    "stuck to something": ["<a@b.c>x", "<a@b.c>>", "<>x", "<a@b.c>\tX"],
    "needs SMTPUTF8": ["<jörg@b.c>", "<a@bücher.de>", '<"ö"@b.c>'],
    "source routes": ["<@one.test>", "<@one.test:>", "<@one test:a@b.c>", "<@one.test,two.test:a@b.c>", "<@a.b:postmaster>"],
}


@pytest.mark.parametrize(("text", "address", "rest"), [case for group in GOOD.values() for case in group])
def test_a_path_is_read_into_its_canonical_spelling(text: str, address: str, rest: str) -> None:
    assert parse_path(text, allow_null=True) == (address, rest)
    assert parse_path(text, allow_null=True, utf8=True) == (address, rest)


@pytest.mark.parametrize(("text", "address"), UTF8_GOOD)
def test_with_smtputf8_addresses_may_be_international(text: str, address: str) -> None:
    assert parse_path(text, utf8=True) == (address, "")


@pytest.mark.parametrize("text", [text for group in BAD.values() for text in group])
def test_what_is_not_a_path_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(BadAddress) as caught:
        parse_path(text, allow_null=True)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text", ["<a\u2028b@c.d>", "<a\x85@c.d>", "<\udc80@c.d>", "<a@\udc80.d>", "<a@xn--zzzz\u0300.d\x00>", f"<{'ö' * 33}@b.c>"]
)
def test_smtputf8_lets_no_control_or_undecodable_characters_in(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_path(text, utf8=True)


def test_the_null_address_is_refused_where_it_has_no_meaning() -> None:
    with pytest.raises(BadAddress, match="null address"):
        parse_path("<>")


@given(st.text(max_size=300), st.booleans())
def test_any_text_is_read_or_refused_never_anything_else(text: str, utf8: bool) -> None:
    for path in (text, f"<{text}>", f"<{text}@example.test>", f'<"{text}"@example.test>'):
        try:
            address, _ = parse_path(path, utf8=utf8, allow_null=True)
        except BadAddress:
            continue
        assert "\r" not in address
        assert "\n" not in address
        assert "\0" not in address
        if address:
            assert parse_path(f"<{address}>", utf8=utf8) == (address, "")  # canonical: reading it again changes nothing


def test_split_is_at_the_last_at_sign() -> None:
    assert split('"a@b"@c.d') == ('"a@b"', "c.d")
    assert split("bare") == ("bare", "")
    assert split("") == ("", "")


def test_unquoted_tells_what_a_local_part_means() -> None:
    assert unquoted('"a\\"b c"') == 'a"b c'
    assert unquoted("plain") == "plain"


def test_a_bare_address_is_read_and_a_path_with_more_is_not() -> None:
    assert parse_address("Bob@Example.test") == "Bob@example.test"
    for text in ("bob", "a@b.c x", "<a@b.c>", "postmaster", ""):
        with pytest.raises(BadAddress):
            parse_address(text)


def test_domains_are_compared_in_any_spelling() -> None:
    assert domain_to_ascii("BÜCHER.example") == "xn--bcher-kva.example"
    assert same_domain("xn--bcher-kva.example", "Bücher.Example")
    assert not same_domain("a.test", "b.test")
    assert not same_domain("\udc80", "b.test")
    assert check_domain("Example.TEST") == "example.test"
    assert is_ascii("a@b.c")
    assert not is_ascii("ö@b.c")
