"""The words of messages: whatever their encoding, a search sees what a reader sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.structure import scan
from postroom.mail.wording import Wording, wording


def words(message: str | bytes, most: int = 100_000) -> Wording:
    data = message.replace("\n", "\r\n").encode() if isinstance(message, str) else message
    return wording(scan(data), lambda start, length: data[start : start + length], most)


MIXED = """\
Subject: outer
Content-Type: multipart/mixed; boundary=x

preamble
--x
Content-Type: text/plain; charset=iso-8859-1; name=first
Content-Transfer-Encoding: quoted-printable

caf=E9 and soft=
ened
--x
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+Z3LDvG48Yj5lczwvYj4gR3JhcyZhbXA7PC9wPjxzY3JpcHQ+aGlkZGVuPC9zY3JpcHQ+
--x
Content-Type: message/rfc822

Subject: =?utf-8?q?inn=C3=A8r?=

deep text
--x
Content-Type: application/pdf; name=paper.pdf

%PDF secret
--x--
"""


@pytest.mark.parametrize("text", ["CAFE\u0301", "AND SOFTENED", "GRU\u0308NES GRAS&", "SUBJECT: INNE\u0300R", "DEEP TEXT"])
def test_the_body_is_the_text_of_all_parts_and_embedded_headers(text: str) -> None:
    assert text in words(MIXED).body


@pytest.mark.parametrize("text", ["OUTER", "HIDDEN", "SECRET", "PREAMBLE", "PAPER.PDF", "<P>"])
def test_the_body_is_nothing_else(text: str) -> None:
    assert text not in words(MIXED).body


def test_headers_are_kept_apart() -> None:
    found = words(MIXED)
    assert "SUBJECT: OUTER\n" in found.header
    assert "PAPER.PDF" in found.mime
    assert "INNE" not in found.header + found.mime


def test_fields_are_on_one_line_each() -> None:
    assert words("Subject: one\n two\nX-Y:  z\n\nbody\n").header == "SUBJECT: ONE TWO\nX-Y: Z\n\n"


def test_what_separates_texts_is_in_none_of_them() -> None:
    found = words(b"Subject: a\x01b\r\n\r\nc\0d\x01e\r\n")
    assert not {"\0", "\x01"} & set(found.header + found.body)


def test_there_is_so_much_text_and_no_more() -> None:
    long = "Subject: x\n\n" + "word " * 100
    assert words(long).whole
    assert not words(long, 100).whole
    assert len(words(long, 100).body.rstrip("\n")) <= 100


@given(st.binary(max_size=300))
def test_whatever_comes_has_words(data: bytes) -> None:
    assert isinstance(words(data), Wording)
    assert words(b"Content-Type: text/html; charset=x\r\nContent-Transfer-Encoding: base64\r\n\r\n" + data).whole
