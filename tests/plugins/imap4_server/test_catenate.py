"""CATENATE: new messages are put together from literals and from what is in the store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

Open = Callable[..., Talk]
INNER = b"Subject: Inner\r\nTo: bob\r\n\r\ninner text\r\n"
WHOLE = (
    b"From: ann\r\nSubject: Outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nfirst part\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + INNER + b"\r\n--b--\r\n"
)
HEADER, TEXT = WHOLE[: WHOLE.index(b"preamble")], WHOLE[WHOLE.index(b"preamble") :]
SECTIONS = {
    "": WHOLE,
    "/;SECTION=HEADER": HEADER,
    "/;SECTION=TEXT": TEXT,
    "/;section=header.fields%20(subject%20x-none)": b"Subject: Outer\r\n\r\n",
    "/;SECTION=HEADER.FIELDS.NOT%20(Subject%20Content-Type)": b"From: ann\r\n\r\n",
    "/;SECTION=1": b"first part",
    "/;SECTION=1.MIME": b"Content-Type: text/plain\r\n\r\n",
    "/;SECTION=2": INNER,
    "/;SECTION=2.HEADER": INNER[: INNER.index(b"inner")],
    "/;SECTION=2.TEXT": b"inner text\r\n",
    "/;SECTION=2.1": b"inner text\r\n",
    "/;PARTIAL=6.3": b"ann",
    "/;SECTION=1/;PARTIAL=6": b"part",
    "/;SECTION=1/;PARTIAL=6.100": b"part",
}
UNKNOWN = {
    "/INBOX/;UID=2": "there is no such message or part",
    "/INBOX/;UID=1/;SECTION=3": "there is no such message or part",
    "/INBOX/;UID=1/;SECTION=1.TEXT": "there is no such message or part",
    "/INBOX/;UID=1/;SECTION=MIME": "this is not a section of a message",
    "/INBOX/;UID=1/;SECTION=1..2": "this is not a section of a message",
    "/INBOX;UIDVALIDITY=7/;UID=1": "the mailbox has another UIDVALIDITY",
    "/Nowhere/;UID=1": "there is no such mailbox",
    ";UID=1": "no mailbox is selected",
    "/INBOX": "this is not the URL of a message",
    "imap://elsewhere.example/INBOX/;UID=1": "this URL is not one of this server",
    "imap://bob@mail.example.test/INBOX/;UID=1": "this URL is another user's",
}


@pytest.fixture
def client(talk: Open) -> Talk:
    client = talk()
    client.ok(b"APPEND INBOX {%d}" % len(WHOLE), WHOLE)
    return client


@pytest.mark.parametrize("section", SECTIONS)
def test_a_url_stands_for_the_bytes_that_it_names(server: Miniature, client: Talk, section: str) -> None:
    client.ok(f'APPEND Sent CATENATE (URL "/INBOX/;UID=1{section}")')
    assert server.mailbox("alice", "Sent") == [SECTIONS[section]]


def test_texts_and_urls_are_joined_in_their_order(server: Miniature, client: Talk) -> None:
    url = b'URL "imap://alice@mail.example.test/INBOX/;UID=1/;SECTION=HEADER"'
    command = b"APPEND Sent (\\Seen) CATENATE (%s TEXT {3+}\r\nabc %s TEXT {3}" % (url, url)
    client.ok(command, b"xyz)")
    assert server.mailbox("alice", "Sent") == [HEADER + b"abc" + HEADER + b"xyz"]


def test_catenated_messages_may_be_among_several(server: Miniature, client: Talk) -> None:
    client.ok(b'APPEND Sent {3+}\r\nabc CATENATE (URL "/INBOX/;UID=1" TEXT {3+}\r\nxyz) (\\Seen) {3+}\r\ndef')
    assert server.mailbox("alice", "Sent") == [b"abc", WHOLE + b"xyz", b"def"]


@pytest.mark.parametrize("url", UNKNOWN)
def test_a_url_that_leads_nowhere_is_named(server: Miniature, client: Talk, url: str) -> None:
    assert client.answer(f'APPEND Sent CATENATE (TEXT {{3+}}\r\nabc URL "{url}")') == f"NO [BADURL {url}] {UNKNOWN[url]}"
    assert server.mailbox("alice", "Sent") == []


def test_what_comes_behind_a_bad_url_is_no_command(server: Miniature, client: Talk) -> None:
    assert client.answer(b'APPEND Sent CATENATE (URL "/X/;UID=1" TEXT {11+}\r\na2 LOGOUT\r\n)').startswith("NO [BADURL /X/;UID=1] ")
    assert client.answer("NOOP").startswith("OK")


def test_a_message_must_not_become_too_large(configured: Callable[..., Miniature]) -> None:
    with Talk(configured(max_message_size=1000)).log_in() as client:
        client.ok(b"APPEND INBOX {600+}\r\n" + b"x" * 600)
        assert client.answer('APPEND INBOX CATENATE (URL "/INBOX/;UID=1" URL "/INBOX/;UID=1")').startswith("NO [TOOBIG]")
        assert client.answer('APPEND INBOX CATENATE (URL "/INBOX/;UID=1" TEXT {600}').startswith("NO [TOOBIG]")


def test_a_part_that_may_not_be_read_is_a_bad_url(server: Miniature, client: Talk, talk: Open) -> None:
    answer = talk("bob").answer('APPEND Sent CATENATE (URL "/#users/alice/INBOX/;UID=1")')
    assert answer.startswith("NO [BADURL ")
