"""ENVELOPE: exact where the header is, and as much as can be read where it is broken."""

from __future__ import annotations

import time

import pytest
from hypothesis import given

from postroom.mail.structure import envelope
from postroom.mail.structure.addresses import MAX_ADDRESSES, parse
from tests.core.mail.structure.corpus import MESSAGES


def test_an_envelope_holds_ten_things() -> None:
    header = (
        b"Date: Mon, 2 Nov 2026 10:11:12 +0100\r\nSubject: =?utf-8?q?x?=\r\n y\r\nFrom: A <a@b>\r\nSender: s@t\r\nReply-To: r@s\r\n"
        b"To: t@u\r\nCc: c@d\r\nBcc: b@c\r\nIn-Reply-To: <i@j>\r\nMessage-ID: <m@n>\r\n\r\n"
    )
    assert envelope(header) == (
        b'("Mon, 2 Nov 2026 10:11:12 +0100" "=?utf-8?q?x?= y" (("A" NIL "a" "b")) ((NIL NIL "s" "t")) ((NIL NIL "r" "s"))'
        b' ((NIL NIL "t" "u")) ((NIL NIL "c" "d")) ((NIL NIL "b" "c")) "<i@j>" "<m@n>")'
    )


@pytest.mark.parametrize("more", [b"", b"Sender:\r\nReply-To: \r\n"])
def test_sender_and_reply_to_default_to_from(more: bytes) -> None:
    address = b'((NIL NIL "a" "b"))'
    assert envelope(b"From: a@b\r\n" + more) == b"(NIL NIL %s %s %s NIL NIL NIL NIL NIL)" % (address, address, address)


def test_several_fields_of_addresses_count_as_one_and_of_other_fields_the_last_counts() -> None:
    found = envelope(b"To: a@b\r\nSubject: one\r\nTO : c@d\r\nsubject:two\r\n")
    assert found == b'(NIL "two" NIL NIL NIL ((NIL NIL "a" "b")(NIL NIL "c" "d")) NIL NIL NIL NIL)'


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (b'a "b" \\c', b'"a \\"b\\" \\\\c"'),
        (b"\xe4", b"{1}\r\n\xe4"),
        (b"a\0b", b"{5}\r\na\xef\xbf\xbdb"),
        (b"a\rb", b"{3}\r\na\rb"),
        (b"a\r\n\t b", b'"a b"'),
        (b"", b'""'),
        (b"x" * 5000, b"{5000}\r\n" + b"x" * 5000),
    ],
)
def test_subjects_are_quoted_or_literals(subject: bytes, expected: bytes) -> None:
    assert envelope(b"Subject: " + subject + b"\r\n") == b"(NIL " + expected + b" NIL NIL NIL NIL NIL NIL NIL NIL)"


def test_utf8_is_quoted_for_clients_that_accept_it_unless_it_is_broken() -> None:
    assert envelope("Subject: ü\r\n".encode(), utf8=True).startswith('(NIL "ü" '.encode())
    assert envelope(b"Subject: \xfc\r\n", utf8=True).startswith(b"(NIL {1}\r\n\xfc ")


MAILBOX, DOMAIN = "MISSING_MAILBOX", "MISSING_DOMAIN"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b", [(None, None, "a", "b")]),
        ("Foo Bar <a@b>, c@d", [("Foo Bar", None, "a", "b"), (None, None, "c", "d")]),
        ('"F\\"oo, x" Bar <a@b>', [('F"oo, x Bar', None, "a", "b")]),
        ("J. R. Smith <a@b>", [("J. R. Smith", None, "a", "b")]),
        ("a@b (Comment (nested) x)", [("Comment (nested) x", None, "a", "b")]),
        ("foo (c) <a@b> (d)", [("foo", None, "a", "b")]),
        ('"" <a@b>', [(None, None, "a", "b")]),
        ("Group: a@b, c@d;", [(None, None, "Group", None), (None, None, "a", "b"), (None, None, "c", "d"), (None,) * 4]),
        ("A b:;, d@e", [(None, None, "A b", None), (None,) * 4, (None, None, "d", "e")]),
        ("Group: a@b", [(None, None, "Group", None), (None, None, "a", "b"), (None,) * 4]),
        ("<@r,@s:a@b>", [(None, "@r,@s", "a", "b")]),
        ('"foo bar"@baz', [(None, None, "foo bar", "baz")]),
        ("foo . bar @ baz . com", [(None, None, "foo.bar", "baz.com")]),
        ("a@[1.2.3.4]", [(None, None, "a", "[1.2.3.4]")]),
        ("foo", [(None, None, "foo", DOMAIN)]),
        ("@bar", [(None, None, MAILBOX, "bar")]),
        ("foo <>", [("foo", None, MAILBOX, DOMAIN)]),
        ("foo bar>", [("foo bar", None, MAILBOX, DOMAIN)]),
        ("foo <bar", [("foo", None, "bar", DOMAIN)]),
        ("Foo [x] <a@b>, c@d", [("Foo [x]", None, "a", "b"), (None, None, "c", "d")]),
        ("c@d <a@b>", [("c@d", None, "a", "b")]),
        ("<a@b> trailing, c@d", [(None, None, "a", "b"), (None, None, "c", "d")]),
        ("a@b; c@d", [(None, None, "a", "b"), (None, None, "c", "d")]),
        ("a@b,, c@d,", [(None, None, "a", "b"), (None, None, "c", "d")]),
        ("=?utf-8?q?x?= <a@b>", [("=?utf-8?q?x?=", None, "a", "b")]),
        ("", []),
        (" , ", []),
    ],
)
def test_addresses_are_read_as_far_as_they_can_be(value: str, expected: list[tuple[str | None, ...]]) -> None:
    found = [tuple(None if word is None else word.decode() for word in address) for address in parse(value.encode())]
    assert found == expected


@given(MESSAGES)
def test_no_header_makes_it_raise(header: bytes) -> None:
    assert envelope(header).startswith(b"(")


@pytest.mark.parametrize("piece", [b"a,", b"a@b, ", b"(", b'"\\', b"<", b"a ", b"@", b":", b";", b"[", b"a@b (", b". ", b"<@a,", b"a:;"])
def test_hostile_address_lists_are_bounded(piece: bytes) -> None:
    begin = time.process_time()
    assert len(parse(piece * (250_000 // len(piece)))) <= MAX_ADDRESSES + 1
    assert time.process_time() - begin < 2.0
