"""Mailbox names: strict in what is read, exact in what is written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom_imap4_server.grammar import names

KNOWN = [
    ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 section 5.1.3
    ("Entwürfe", b"Entw&APw-rfe"),
    ("R&D", b"R&-D"),
    ("😀", b"&2D3eAA-"),
    ("a b", b"a b"),
]


@pytest.mark.parametrize(("name", "written"), KNOWN)
def test_a_name_is_written_in_modified_utf7(name: str, written: bytes) -> None:
    assert names.encode(name, utf8=False) == written
    assert names.decode(written, utf8=False) == name


@pytest.mark.parametrize(
    "wrong",
    [
        b"&",  # no end
        b"a&b",
        b"&Jjo!-",  # not base64
        b"&U,BTFw-&ZeVnLIqe-",  # superfluous shift, RFC 3501 section 5.1.3
        b"&AGE-",  # an "a" that needs no encoding
        b"&2D0-",  # half a surrogate pair
        b"&AP-",  # left-over bits
        b"Entw\xc3\xbcrfe",  # 8-bit
        b"a\x07",
    ],
)
def test_modified_utf7_is_checked_strictly(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="mailbox name"):
        names.decode(wrong, utf8=False)


def test_with_utf8_names_come_as_they_are() -> None:
    assert names.decode("Entwürfe".encode(), utf8=True) == "Entwürfe"
    assert names.decode(b"R&D", utf8=True) == "R&D"
    with pytest.raises(ValueError, match="not UTF-8"):
        names.decode(b"\xff", utf8=True)


@pytest.mark.parametrize("written", [b"inbox", b"INBOX", b"InBoX"])
def test_inbox_is_inbox_in_any_case(written: bytes) -> None:
    assert names.decode(written, utf8=False) == "INBOX"
    assert names.decode(written + b"/Sub", utf8=False) == "INBOX/Sub"


@pytest.mark.parametrize(
    "name", ["", "a//b", "/a", "a/", "..", "a/../b", ".", "a*", "%", "tab\there", " a", "a ", "x" * 251, "a/" * 40 + "a", "é" * 130]
)
def test_a_mailbox_of_a_dangerous_name_is_not_made(name: str) -> None:
    with pytest.raises(ValueError, match="mailbox name"):
        names.check_new(name)


@pytest.mark.parametrize("name", ["a", "Archive/2026", "Entwürfe", "R&D", "a.b", "...", "日本語"])
def test_a_mailbox_of_a_usual_name_is_made(name: str) -> None:
    names.check_new(name)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_every_name_survives_the_way_to_the_client_and_back(name: str) -> None:
    name = unicodedata.normalize("NFC", name)
    again = names.decode(names.encode(name, utf8=False), utf8=False)
    assert again.upper() == name.upper() if name.upper().startswith("INBOX") else again == name


def test_a_letter_and_its_accent_are_one_name_in_either_encoding() -> None:
    assert names.decode(b"e&AwE-", utf8=False) == names.decode("e\u0301".encode(), utf8=True) == names.decode(b"&AOk-", utf8=False) == "é"


@given(st.binary(max_size=60))
def test_a_name_is_accepted_only_as_it_would_be_written(raw: bytes) -> None:
    try:
        name = names.decode(raw, utf8=False)
    except ValueError:
        return
    written = names.encode(name, utf8=False)
    spelled = names._from_utf7(raw)
    assert written.upper() == raw.upper() or not unicodedata.is_normalized("NFC", spelled)
