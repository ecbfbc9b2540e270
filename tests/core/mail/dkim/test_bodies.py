"""The canonical body does not depend on how it is cut into chunks, and its examples are those of RFC 6376."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.mail.dkim import BodyHash, hash_body
from postroom.mail.message import Message

FORMS = ["simple", "relaxed"]
PIECES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b"\t", b"a", b"bc  d"]), max_size=25)


def digest(chunks: Iterable[bytes], form: str, length: int | None = None) -> bytes:
    made = BodyHash(form, length)
    for chunk in chunks:
        made.feed(chunk)
    return made.digest()


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=300, deadline=None)
@given(pieces=PIECES)
def test_chunks_make_no_difference(pieces: list[bytes], form: str) -> None:
    assert digest(pieces, form) == digest([b"".join(pieces)], form)


@pytest.mark.parametrize(
    ("form", "body", "canonical"),
    [
        ("relaxed", b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # RFC 6376 section 3.4.5, example 1
        ("simple", b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n"),  # example 2
        ("simple", b"", b"\r\n"),  # section 3.4.3
        ("relaxed", b"", b""),  # section 3.4.4
        ("relaxed", b"\r\n \r\n\t\r\n", b""),
        ("relaxed", b"a", b"a\r\n"),
        ("simple", b"a\nb\n", b"a\r\nb\r\n"),
        ("simple", b"a\r\r", b"a\r\r\r\n"),
    ],
)
def test_the_canonical_form(form: str, body: bytes, canonical: bytes) -> None:
    assert digest([body], form) == hashlib.sha256(canonical).digest()


def test_a_length_ends_what_counts() -> None:
    assert digest([b"abc", b"def\r\n"], "simple", 4) == hashlib.sha256(b"abcd").digest()


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_only_what_is_behind_the_empty_line_is_body(line_end: bytes) -> None:
    data = b"From: a@b.example" + line_end * 2 + b"body"
    whole = BodyHash("simple")
    hash_body(Message(data, len(data), lambda: (data[at : at + 1] for at in range(len(data)))), [whole])
    assert whole.digest() == hashlib.sha256(b"body\r\n").digest()


def test_a_megabyte_of_blank_lines_is_no_body() -> None:
    assert digest([b"\r\n" * 4096] * 128, "relaxed") == hashlib.sha256(b"").digest()
