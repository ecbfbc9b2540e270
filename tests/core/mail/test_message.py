"""Reading headers of strangers' messages: linear, bounded, never raising."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail import headers
from postroom.mail.message import Message

PLAIN = b"Received: a\r\nSubject: one\r\n two\r\nreceived : b\r\nTo: x@y\r\n\r\nReceived: body\r\n"


def test_fields_come_in_order_unfolded_and_without_the_body() -> None:
    assert Message.whole(PLAIN).headers == [("Received", b"a"), ("Subject", b"one two"), ("received", b"b"), ("To", b"x@y")]


def test_a_field_is_found_in_any_case_and_the_first_of_several_wins() -> None:
    message = Message.whole(PLAIN)
    assert (message.header("SUBJECT"), message.header("received"), message.header("Cc")) == ("one two", "a", None)
    assert message.all("Received") == ["a", "b"]


def test_counting_looks_at_the_header_only() -> None:
    assert Message.whole(PLAIN).count("Received") == 2


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"", 0),
        (b"\r\nbody", 0),
        (b"\nbody", 0),
        (b"A: b\r\n\r\nbody", 6),
        (b"A: b\n\nbody", 5),
        (b"A: b\r\nC: d", 10),
        (b"A: b\n\nbody\r\n\r\n", 5),
    ],
)
def test_the_header_ends_at_the_first_empty_line(data: bytes, size: int) -> None:
    assert headers.end_of(data) == size


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        ("Grüße".encode(), "Grüße"),
        (b"Gr\xfc\xdfe", "Grüße"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?UTF-8*de?B?R3LDvMOfZQ==?= aus =?iso-8859-1?Q?K=F6ln_am_Rhein?=", "Grüße aus Köln am Rhein"),
        (b"=?utf-8?b?w?= =?utf-8?b?7w=?=", "\ufffd"),  # broken base64
        (b"=?utf-8?Q?a=C3?= =?utf-8?Q?=A4b?=", "aäb"),  # a character cut between two words
        (b"=?utf-8?Q?a?=\r\n =?utf-8?Q?b?= c", "ab c"),
        (b"=?no-such-set?Q?a=E4?=", "a\xe4"),
        (b"=?idna?Q?a?=", "a"),
        (b"=?zlib?B?eJw=?=", "x\x9c"),
        (b"=?utf-8?X?a?=", "=?utf-8?X?a?="),
    ],
)
def test_encoded_words_are_decoded(value: bytes, text: str) -> None:
    found = headers.decode(headers.unfold(value))
    assert found == text or "\ufffd" in text


@given(st.lists(st.sampled_from([b"A:", b" ", b"\r\n", b"\n", b"=?utf-8?q?", b"?=", b"=?", b"b", b"\x00", b"\xff", b":", b"\t", b"="])))
def test_no_bytes_make_it_raise_or_differ_when_more_follow(parts: list[bytes]) -> None:
    data = b"".join(parts)
    message = Message.whole(data)
    for name, value in message.headers:
        assert message.header(name) is not None
        headers.decode(value)
    if data and headers.end_of(data) < len(data):
        assert Message.whole(data + b"\r\n\r\nX: y\r\n").headers == message.headers


@given(st.text(), st.sampled_from("qQbB"), st.sampled_from(["utf-8", "latin-1", "utf-7", "punycode", "\u0131", "rot13", "utf-16"]))
def test_no_encoded_word_makes_it_raise(payload: str, encoding: str, charset: str) -> None:
    headers.decode(f"=?{charset}?{encoding}?{payload}?=".encode("utf-8", "replace"))


@pytest.mark.parametrize(
    "data",
    [
        b"A: b\r\n" * 40_000,
        b"A" * 250_000,
        b"A: " + b"\r\n x" * 60_000,
        b" " * 250_000,
        b"S: " + b"=?" * 120_000,
        b"S: " + b"=?u?q?a?= " * 25_000,
    ],
)
def test_hostile_headers_cost_little(data: bytes) -> None:
    begin = time.process_time()
    message = Message.whole(data)
    message.count("Received")
    for _, value in message.headers:
        headers.decode(value)
    assert time.process_time() - begin < 1.0
    assert len(message.headers) <= headers.MAX_FIELDS
