"""URLs of messages (RFC 5092)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom_imap4_server.grammar.urls import MessageUrl, parse_url

GOOD = {
    # of this server, by path
    b"/Drafts/;UID=20": MessageUrl("", "", b"Drafts", 0, 20, b""),
    b"/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=HEADER": MessageUrl("", "", b"Drafts", 385759045, 20, b"HEADER"),
    b"/Work/2026/;uid=7/;section=1.2.MIME": MessageUrl("", "", b"Work/2026", 0, 7, b"1.2.MIME"),
    b"/Entw%C3%BCrfe/;UID=1/;SECTION=HEADER.FIELDS%20(Subject%20To)": MessageUrl(
        "", "", "Entwürfe".encode(), 0, 1, b"HEADER.FIELDS (Subject To)"
    ),
    b"/A/;UID=4294967295/;PARTIAL=0.1024": MessageUrl("", "", b"A", 0, 4294967295, b"", 0, 1024),
    b"/A/;UID=1/;SECTION=TEXT/;PARTIAL=5": MessageUrl("", "", b"A", 0, 1, b"TEXT", 5, None),
    # with a server
    b"imap://mail.example.test/INBOX/;UID=3": MessageUrl("", "mail.example.test", b"INBOX", 0, 3, b""),
    b"imap://al%69ce;AUTH=*@mail.example.test:143/INBOX/;UID=3": MessageUrl("alice", "mail.example.test", b"INBOX", 0, 3, b""),
    # relative to the selected mailbox
    b";UID=20": MessageUrl("", "", b"", 0, 20, b""),
    b"/;UID=20/;SECTION=1.2": MessageUrl("", "", b"", 0, 20, b"1.2"),
}
BAD = [
    b"",
    b"/Drafts",
    b"/Drafts/;UID=0",
    b"/Drafts/;UID=12345678901",
    b"/Drafts;UID=20/",
    b"/Drafts/;UID=1/;PARTIAL=1.0",
    b"/Drafts/;UID=1/;SECTION=",
    b"/Drafts/;UID=1/;SECTION=1;URLAUTH=anonymous:internal:00",
    b"imap://mail.example.test/;UID=3",
    b"imap:///INBOX/;UID=3",
    b"http://mail.example.test/INBOX/;UID=3",
    b"/Entw\xc3\xbcrfe/;UID=1",
]


@pytest.mark.parametrize("raw", GOOD)
def test_a_url_says_which_message(raw: bytes) -> None:
    assert parse_url(raw) == GOOD[raw]


@pytest.mark.parametrize("raw", BAD)
def test_what_is_no_url_of_a_message_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        parse_url(raw)


@given(st.one_of(st.binary(max_size=60), st.text("/;:=%.@imap0129UIDSECTON ", max_size=60).map(str.encode)))
def test_nothing_but_ValueError_comes_of_any_bytes(raw: bytes) -> None:
    try:
        parse_url(raw)
    except ValueError:
        return
