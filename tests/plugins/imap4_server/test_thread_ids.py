"""THREADID: FETCH and SEARCH agree on it, in every folder, before and after the mail is digested."""

from __future__ import annotations

import pytest

from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk
from tests.plugins.imap4_server.test_searching import FIRST, Talks, digest, hits, put_in_front

THREADED = (
    b"Message-ID: <1@x>\r\n\r\nx\r\n",
    b"Message-ID: <2@x>\r\nReferences: <1@x> <other@x>\r\nIn-Reply-To: <other@x>\r\n\r\nx\r\n",
    b"Message-ID: <3@x>\r\nIn-Reply-To: <\xff\xa0\x85@x>\r\n\r\nx\r\n",
    b"Subject: none\r\n\r\nMessage-ID: <1@x>\r\n",
    b"Subject: ends of two kinds\n\r\nMessage-ID: <1@x>\r\n",
    b"References: " + b"\r\n ".join(b"<%d@x>" % number for number in range(1, 400)) + b"\r\n\r\nx\r\n",
    b"Message-ID: <1@X>\r\n\r\nx\r\n",
    b"Message-ID: <9@x>\r\nReferences: <1@x>\r\n" + b"X-Long: %b\r\n" % (b"x" * 900) * 400 + b"\r\nx\r\n",
)


def thread_ids(client: Talk, numbers: str = "1:*") -> list[str]:
    """THREADID of the messages."""
    return [line.decode().partition("THREADID (")[2].rstrip(")") for line in client.ok(f"FETCH {numbers} THREADID")]


@pytest.mark.parametrize("digested", [False, True])
def test_search_finds_the_threads_that_fetch_tells(server: Miniature, talk: Talks, digested: bool) -> None:
    client = talk()
    for data in (*THREADED, THREADED[3]):
        client.ok(b"APPEND INBOX {%d}" % len(data), data)
    if digested:
        digest(server)
    client.ok("SELECT INBOX")
    told = thread_ids(client)
    assert told[1] == told[5] == told[7] == told[0] and told[8] == told[3] and len(set(told)) == 5
    for _ in range(2):
        for thread in told:
            assert hits(client, f"THREADID {thread}") == [number for number, one in enumerate(told, 1) if one == thread]
        digest(server)
    client.ok("COPY 1:* Archive")
    client.ok("SELECT Archive")
    assert thread_ids(client) == told


def test_what_is_put_in_front_of_a_message_may_name_its_thread(server: Miniature, talk: Talks) -> None:
    put_in_front(server, b"References: <1@x>\r\n", b"Message-ID: <2@x>\r\n\r\nhello\r\n")
    client = talk()
    client.ok("SELECT INBOX")
    assert thread_ids(client) == [FIRST] == thread_ids(client)
    assert hits(client, f"THREADID {FIRST}") == [1]
