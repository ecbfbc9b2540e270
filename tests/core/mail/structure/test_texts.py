"""The text of messages: transfer encodings, character sets and HTML undone, however the bytes are cut."""

from __future__ import annotations

import base64
import quopri
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.structure import preview, scan, texts
from postroom.mail.structure.html import Stripper
from postroom.mail.structure.transfer import decoded
from tests.core.mail.structure.corpus import MESSAGES, multipart


def reader(message: bytes) -> Callable[[int, int], bytes]:
    return lambda start, length: message[start : start + length]


def text(message: bytes) -> str:
    return "".join(texts(scan(message), reader(message)))


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (b"", b"plain", "plain"),
        (
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n",
            b"a=C3=A4 =\r\nb  \r\n=ZZ=",
            "aä b\r\n=ZZ",
        ),
        (b"Content-Transfer-Encoding: BASE64\r\nContent-Type: text/plain; charset=utf-8\r\n", b"w6\r\n!Ri\r\nYQ==YQ=", "äbaa"),
        (b"Content-Type: text/plain; charset=iso-8859-1\r\n", b"\x80\xe4", "€ä"),
        (b'Content-Type: text/plain; charset="Shift_JIS"\r\n', b"\x83e\x83X\x83g", "テスト"),
        (b"Content-Type: text/plain; charset=us-ascii\r\n", "ä".encode(), "ä"),
        (b"Content-Type: text/plain; charset=us-ascii\r\n", b"\xe4", "ä"),
        (b"Content-Type: text/plain; charset=no-such\r\n", b"\xe4", "ä"),
        (b"Content-Type: text/plain; charset=punycode\r\n", b"a-b", "a-b"),
        (b"Content-Type: text/plain; charset=rot13\r\n", b"abc", "abc"),
        (b"Content-Type: text/plain; charset=utf-8\r\n", b"a\xffb", "a\ufffdb"),
        (b"Content-Type: text/plain; charset=utf-16le\r\n", b"a\0b\0", "ab"),
    ],
)
def test_text_is_decoded(head: bytes, body: bytes, expected: str) -> None:
    assert text(head + b"\r\n" + body) == expected + "\n"


def test_texts_of_all_parts_and_headers_of_embedded_messages_are_there() -> None:
    embedded = b"Content-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?=C3=A4?=\r\n x\r\n\r\ninner"
    message = multipart(b"\r\none", b"Content-Type: text/html\r\n\r\n<p>two", b"Content-Type: image/png\r\n\r\nnot this", embedded)
    assert text(message) == "one\n two\nsubject: ä x\ninner\n"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("a<b>b</b>c<br>d", "abc d"),
        ("&lt;&auml;&#65;&nbsp;x", "<äA\xa0x"),
        ("<!-- <p>no --> yes", " yes"),
        ("<style>p {}</style><SCRIPT>if (a < b)</Script>x", "    x"),
        ("a < b <3 > c", "a < b <3 > c"),
        ('<a href="x">y</a', "y</a"),
        ("<!doctype html>x", " x"),
        ("<!-- never closed", ""),
        ("&am", "&am"),
    ],
)
def test_html_is_stripped(html: str, expected: str) -> None:
    for size in (1, 2, 5, 100):
        stripper = Stripper()
        found = "".join(stripper.feed(html[start : start + size]) for start in range(0, len(html), size))
        assert found + stripper.feed("", final=True) == expected


@given(st.binary(max_size=400), st.sampled_from(["base64", "quoted-printable"]))
def test_what_was_encoded_is_decoded(data: bytes, encoding: str) -> None:
    data = data.replace(b"\r", b"").replace(b"\n", b"")
    body = base64.encodebytes(data) if encoding == "base64" else quopri.encodestring(data)
    message = f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body
    assert b"".join(decoded(scan(message), reader(message))) == data


@given(MESSAGES)
def test_no_message_makes_it_raise(message: bytes) -> None:
    assert isinstance(text(message), str)
    assert len(preview(scan(message), reader(message))) <= 200


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"\r\n  Hello\r\n\r\n  World\t\r\n", "Hello World"),
        (b"\r\n> quoted\r\nanswer", "answer"),
        (b"\r\n> quoted only", "> quoted only"),
        (b"\r\n" + b"word " * 100, ("word " * 40).strip()),
        (multipart(b"Content-Type: text/html\r\n\r\n<b>html</b>", b"\r\nplain"), "plain"),
        (multipart(b"\r\n   ", b"Content-Type: text/html\r\n\r\n<p>html<p>text"), "html text"),
        (multipart(b"Content-Disposition: attachment\r\n\r\nno", b"Content-Type: image/png\r\n\r\nno"), ""),
        (b"", ""),
    ],
)
def test_a_preview_is_the_first_text_that_says_something(message: bytes, expected: str) -> None:
    assert preview(scan(message), reader(message)) == expected


@pytest.mark.parametrize("piece", [b"<", b"<!--", b"<a ", b"&", b"&amp", b"<script>", b"</", b"= ", b"   ", b"=\r\n", b"\xf0", b"<p>"])
@pytest.mark.parametrize("encoding", [b"8bit", b"quoted-printable", b"base64"])
def test_hostile_text_costs_time_in_proportion_to_its_length(piece: bytes, encoding: bytes) -> None:
    message = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n" % encoding
    message += piece * (600_000 // len(piece))
    begin = time.process_time()
    text(message)
    assert time.process_time() - begin < 2.0
