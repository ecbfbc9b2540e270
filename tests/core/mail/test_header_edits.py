"""Fields found, replaced and written so that nothing breaks out of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.header_edits import line, places, replaced, safe
from postroom.mail.headers import decode, fields
from postroom.mail.message import Message
from postroom.mail.splicing import spliced

HEADER = b"From: a@b.example\r\nSubject: one\r\n two\r\nX-A : 1\r\nsubject: three\r\n"


def test_each_field_is_found_with_its_folded_lines() -> None:
    assert [HEADER[one.start : one.end] for one in places(HEADER)] == [
        b"From: a@b.example\r\n",
        b"Subject: one\r\n two\r\n",
        b"X-A : 1\r\n",
        b"subject: three\r\n",
    ]


def test_the_first_of_a_name_is_replaced_and_the_others_go() -> None:
    made = spliced(Message.whole(HEADER + b"\r\nbody"), replaced(HEADER, "Subject", "new"))
    assert b"".join(made.chunks()) == b"From: a@b.example\r\nSubject: new\r\nX-A : 1\r\n\r\nbody"


def test_what_is_not_there_comes_on_top() -> None:
    made = spliced(Message.whole(HEADER + b"\r\nbody"), replaced(HEADER, "X-New", "yes"))
    assert made.head.startswith(b"X-New: yes\r\nFrom:")


@given(st.text(max_size=300).filter(safe).filter(lambda text: "=?" not in text))
def test_a_field_says_its_value_on_short_lines(value: str) -> None:
    written = line("X-Test", value)
    ((name, found),) = fields(written)
    assert name == "X-Test"
    assert decode(found).split() == value.split()
    assert written.endswith(b"\r\n")
    assert all(part.startswith((b" ", b"X-Test")) for part in written.removesuffix(b"\r\n").split(b"\r\n"))


@pytest.mark.parametrize("value", ["a\r\nBcc: x@y.example", "a\nb", "a\x00b", "a\u2028b", "x" * 901])
def test_what_could_break_out_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="the value has a line end"):
        line("X-Test", value)


def test_long_values_are_folded() -> None:
    lines = line("Subject", "word " * 60).split(b"\r\n")
    assert max(map(len, lines)) <= 77
    assert len(lines) > 3
