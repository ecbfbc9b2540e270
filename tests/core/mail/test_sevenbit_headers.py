"""8-bit bytes in headers of messages that are made 7-bit: what people read stays readable (the email package is the oracle)."""

from __future__ import annotations

import contextlib
import email
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail import headers
from postroom.mail.sevenbit import Unconvertible
from postroom.mail.sevenbit.heading import Change, changed


def clean(header: bytes) -> bool:
    return header.isascii() and all(len(line) <= 998 and line.strip() for line in header.split(b"\r\n")[:-1])


def field(line: str | bytes) -> bytes:
    """One field as it comes out."""
    written = line.encode() if isinstance(line, str) else line
    return changed(written + b"\r\n", Change())


words = st.just("=?utf-8?q?=C3=BC?=") | st.text(st.sampled_from('aZ0,;:()<>"\\=?_äß€😀'), min_size=1, max_size=30)
spaces = st.sampled_from([" ", "  ", "\t", "\r\n "])


@given(st.lists(st.tuples(spaces, words), min_size=1, max_size=40))
def test_text_reads_as_it_did(tokens: list[tuple[str, str]]) -> None:
    value = "".join(map("".join, tokens))
    found = field("Subject:" + value)
    assert clean(found)
    assert headers.decode(found[8:].replace(b"\r\n", b"").strip()) == headers.decode(value.replace("\r\n", "").strip().encode())


@given(st.lists(st.text(st.sampled_from('aZ äß€.,;:()<>\\"'), min_size=1, max_size=40), min_size=1, max_size=30))
def test_names_of_addresses_read_as_they_did(names: list[str]) -> None:
    quoted = ('"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"')) for name in names)
    found = field("To: " + ", ".join(f"{name} <x@mx.test>" for name in quoted))
    assert clean(found)
    parsed = getaddresses([found[3:].replace(b"\r\n", b"").decode("ascii")])
    assert [headers.decode(name.encode()).split() for name, _ in parsed] == [name.split() for name in names]
    assert {address for _, address in parsed} == {"x@mx.test"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("From: Jörg Müller <j@mx.test>", "From: =?utf-8?B?SsO2cmcgTcO8bGxlcg==?= <j@mx.test>"),
        ("To: j@mx.test (Büro)", "To: j@mx.test (=?utf-8?B?QsO8cm8=?=)"),
        ("To: Büro: a@mx.test, b@mx.test;", "To: =?utf-8?B?QsO8cm8=?=: a@mx.test, b@mx.test;"),
        ("Subject: Re: grün", "Subject: Re: =?utf-8?B?Z3LDvG4=?="),
        (b"Subject: gr\xfcn", "Subject: =?unknown-8bit?B?Z3L8bg==?="),
        ("Subject: =?utf-8?q?a?= ü =?utf-8?q?b?=", "Subject: =?utf-8?q?a?= =?utf-8?B?IMO8IA==?= =?utf-8?q?b?="),
        ("Message-ID: <ü@mx.test>", "Message-ID: <??@mx.test>"),
        ("Received: from ü by mx.test", "Received: from ?? by mx.test"),
        ("Content-Type: text/plain; charset=utf-8; name=ü.txt", "Content-Type: text/plain; charset=utf-8;\r\n name*=utf-8''%C3%BC.txt"),
        (b'Content-Disposition: x; filename="\xfc a"', "Content-Disposition: x;\r\n filename*=''%FC%20a"),
        ("Content-Disposition: x; filename=ü; filename*=utf-8''%C3%BC", "Content-Disposition: x; filename=??; filename*=utf-8''%C3%BC"),
    ],
)
def test_a_field(line: str | bytes, expected: str) -> None:
    assert field(line) == expected.encode() + b"\r\n"


@given(st.text(st.sampled_from("aZ äß€%'*\\\"."), min_size=1, max_size=80).filter(lambda name: not name.isascii()))
def test_names_of_files_read_as_they_did(name: str) -> None:
    written = name.replace("\\", "\\\\").replace('"', '\\"')
    found = field(f'Content-Disposition: attachment; size=3; filename="{written}"; x=y')
    assert clean(found)
    part = email.message_from_bytes(found + b"\r\n")
    assert part.get_filename() == name.strip()  # as the email package has it
    assert (part.get_param("size", header="Content-Disposition"), part.get_param("x", header="Content-Disposition")) == ("3", "y")


@pytest.mark.parametrize(
    "line", ["From: jörg@mx.test", "From: J <jörg@mx.test>", 'To: "jü"@mx.test', "To: <ü", "Sübject: x", "a line\r\nX: ü"]
)
def test_what_has_no_ascii_form_is_refused(line: str) -> None:
    with pytest.raises(Unconvertible):
        field(line)


@given(st.sampled_from(["From", "Subject", "Content-Type", "Received", "X"]), st.binary(max_size=100))
def test_no_value_whatever_breaks_it(name: str, value: bytes) -> None:
    value = value.replace(b"\n", b"\r\n ")
    with contextlib.suppress(Unconvertible):
        assert changed(name.encode() + b":" + value + b"\r\n\r\n", Change(b"7bit")).isascii()


@pytest.mark.parametrize(
    "value", [b"\xc3\xbc a " * 14_000, b'"' * 60_000 + b"\xe4", b"(" * 60_000 + b"\xe4", b"; a=\xe4" * 10_000, b'"\\' * 30_000 + b"\xe4"]
)
def test_a_hostile_value_takes_no_time(value: bytes) -> None:
    for name in (b"From", b"Subject", b"Content-Type"):
        with contextlib.suppress(Unconvertible):
            assert changed(name + b": " + value + b"\r\n\r\n", Change(b"7bit", top=True)).isascii()


def test_what_is_missing_for_mime_is_added_and_what_is_there_is_replaced() -> None:
    assert changed(b"X: y\r\n\r\n", Change(b"base64", True, b"utf-8")) == (
        b"X: y\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    doubled = b"mime-version: 1.0\r\ncontent-transfer-ENCODING : 8bit\r\nContent-Transfer-Encoding:\r\n 8bit\r\nContent-Type: a/b\r\n\r\n"
    expected = b"mime-version: 1.0\r\ncontent-transfer-ENCODING: base64\r\nContent-Type: a/b\r\n\r\n"
    assert changed(doubled, Change(b"base64", True, b"utf-8")) == expected


def test_the_header_of_a_part_is_not_that_of_a_message() -> None:
    assert changed(b"\r\n", Change(b"base64")) == b"Content-Transfer-Encoding: base64\r\n\r\n"
