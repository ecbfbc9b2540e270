"""Sections: which part a number names, and the fields that a client asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.structure import find, header_fields, message_of, scan
from tests.core.mail.structure.corpus import LINES, multipart

EMBEDDED = b"Content-Type: message/rfc822\r\n\r\n" + multipart(b"\r\ndeep one", b"\r\ndeep two", boundary=b"c")
PLAIN_EMBEDDED = b"Content-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nplain"
MESSAGE = multipart(b"\r\none", EMBEDDED, PLAIN_EMBEDDED, multipart(b"\r\nlast", boundary=b"d"))


def body_of(message: bytes, *path: int) -> bytes:
    part = find(scan(message), path)
    return message[part.body_start : part.end]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ((1,), b"one"),
        ((2, 1), b"deep one"),
        ((2, 2), b"deep two"),
        ((3,), b"Subject: s\r\n\r\nplain"),
        ((3, 1), b"plain"),
        ((4, 1), b"last"),
    ],
)
def test_a_number_names_a_part(path: tuple[int, ...], body: bytes) -> None:
    assert body_of(MESSAGE, *path) == body


@pytest.mark.parametrize("path", [(0,), (5,), (1, 1), (2, 3), (3, 2), (3, 1, 1), (4, 1, 1), (2, 1, 1)])
def test_a_number_without_a_part_is_told(path: tuple[int, ...]) -> None:
    with pytest.raises(KeyError):
        find(scan(MESSAGE), path)


def test_a_message_that_is_not_multipart_has_one_part() -> None:
    assert body_of(b"A: b\r\n\r\nx", 1) == b"x"
    for path in ((2,), (1, 1)):
        with pytest.raises(KeyError):
            find(scan(b"A: b\r\n\r\nx"), path)


def test_a_message_that_is_a_message_has_its_parts() -> None:
    assert body_of(PLAIN_EMBEDDED, 1) == b"Subject: s\r\n\r\nplain"
    assert body_of(PLAIN_EMBEDDED, 1, 1) == b"plain"


def test_header_and_text_mean_the_embedded_message() -> None:
    message = message_of(scan(MESSAGE), (3,))
    assert MESSAGE[message.header_start : message.body_start] == b"Subject: s\r\n\r\n"
    assert message_of(scan(MESSAGE), ()).header_start == 0
    with pytest.raises(KeyError):
        message_of(scan(MESSAGE), (1,))


HEADER = b"From: a\r\nto : b\r\n c\r\njunk line\r\nX-From: d\r\nFROM: e\r\nSubject:\r\n\r\n"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({b"from"}, b"From: a\r\nFROM: e\r\n\r\n"),
        ({b"to", b"subject"}, b"to : b\r\n c\r\nSubject:\r\n\r\n"),
        ({b"nothing"}, b"\r\n"),
        (set(), b"\r\n"),
        ({b"from.*"}, b"\r\n"),
    ],
)
def test_fields_come_as_written_with_an_empty_line(names: set[bytes], found: bytes) -> None:
    assert header_fields(HEADER, frozenset(names)) == found


def test_all_but_some_fields_can_be_had() -> None:
    assert header_fields(HEADER, frozenset({b"from", b"to"}), exclude=True) == b"junk line\r\nX-From: d\r\nSubject:\r\n\r\n"


def test_a_header_without_an_end_is_completed() -> None:
    assert header_fields(b"A: b\r\nC: d", frozenset({b"c"})) == b"C: d\r\n\r\n"


@given(st.lists(st.sampled_from([*LINES[:14], b"X: y\r\n folded\r\n", b"junk\r\n"]), max_size=12).map(b"".join))
def test_what_is_asked_for_and_what_is_not_make_up_the_header(header: bytes) -> None:
    names = frozenset({b"subject", b"content-type"})
    taken, left = header_fields(header, names), header_fields(header, names, exclude=True)
    assert sorted((taken[:-2] + left[:-2]).splitlines()) == sorted(header.splitlines())
