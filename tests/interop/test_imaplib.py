"""Python's imaplib, and the imapclient built on it: every byte comes back as it was stored."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from imapclient import IMAPClient

from tests.interop.boxes import PASSWORD, Box, box
from tests.interop.programs import BODIES, message

__all__ = ["box"]

imaplib._MAXLINE = 1 << 23  # type: ignore[attr-defined]


def careless() -> ssl.SSLContext:
    """The servers of tests have certificates of their own making."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def good(answer: tuple[str, list[Any]]) -> list[Any]:
    """The data of an answer that must be OK."""
    assert answer[0] == "OK", answer
    return answer[1]


@pytest.fixture
def imap(box: Box) -> Iterator[imaplib.IMAP4]:
    """A login by imaplib."""
    with imaplib.IMAP4("127.0.0.1", box.port, timeout=20) as client:
        good(client.login(box.name, PASSWORD))
        yield client


@pytest.fixture
def client(box: Box) -> Iterator[IMAPClient]:
    """A login by IMAPClient."""
    with IMAPClient("127.0.0.1", box.port, ssl=False, timeout=20) as client:
        client.login(box.name, PASSWORD)
        yield client


@pytest.mark.parametrize("kind", BODIES)
def test_imaplib_fetches_what_is_stored(imap: imaplib.IMAP4, box: Box, kind: str) -> None:
    mail = message(BODIES[kind])
    box.fill("INBOX", [mail])
    assert good(imap.select()) == [b"1"]
    [(head, body), end] = good(imap.uid("FETCH", "1", "(RFC822.SIZE BODY.PEEK[])"))
    assert body == mail
    assert b"RFC822.SIZE %d" % len(mail) in head + end


@pytest.mark.parametrize("kind", BODIES)
def test_imaplib_appends_and_the_store_has_it(imap: imaplib.IMAP4, box: Box, kind: str) -> None:
    mail = message(BODIES[kind])
    good(imap.append("INBOX", "(\\Seen $Label1)", '"17-Jul-2024 02:44:25 -0700"', mail.replace(b"\r\n", b"\n")))
    [held] = box.held()
    assert held.data == mail
    assert held.flags == {"\\Seen", "$Label1"}
    good(imap.select())
    assert b'INTERNALDATE "17-Jul-2024 09:44:25 +0000"' in good(imap.fetch("1", "INTERNALDATE"))[0]


def test_imaplib_encrypts(box: Box) -> None:
    with imaplib.IMAP4("127.0.0.1", box.port, timeout=20) as imap:
        assert "STARTTLS" in imap.capabilities
        good(imap.starttls(careless()))
        assert "STARTTLS" not in imap.capabilities
        good(imap.authenticate("PLAIN", lambda _: f"\0{box.name}\0{PASSWORD}".encode()))
    with imaplib.IMAP4_SSL("127.0.0.1", box.house.port("IMAP4S"), ssl_context=careless(), timeout=20) as imap:
        good(imap.login(box.name, PASSWORD))


def test_imaplib_changes_folders(imap: imaplib.IMAP4, box: Box) -> None:
    good(imap.create("Work/2026"))
    good(imap.rename("Work/2026", "Work/2027"))
    good(imap.subscribe("Work/2027"))
    assert any(b"Work/2027" in line for line in good(imap.lsub()))
    assert {"Work", "Work/2027"} <= box.folders()
    good(imap.unsubscribe("Work/2027"))
    good(imap.delete("Work/2027"))
    assert "Work/2027" not in box.folders()
    assert b"(MESSAGES 0 UIDNEXT 1 UNSEEN 0)" in good(imap.status("INBOX", "(MESSAGES UIDNEXT UNSEEN)"))[0]


def test_imaplib_flags_copies_and_expunges(imap: imaplib.IMAP4, box: Box) -> None:
    mails = [message() for _ in range(5)]
    box.fill("INBOX", mails)
    good(imap.select())
    good(imap.copy("2:3", "Archive"))
    good(imap.store("2,4", "+FLAGS", "(\\Deleted)"))
    assert len(good(imap.expunge())) == 2
    assert [held.data for held in box.held()] == [mails[0], mails[2], mails[4]]
    assert [held.data for held in box.held("Archive")] == mails[1:3]


def test_imaplib_searches_sorts_and_threads(imap: imaplib.IMAP4, box: Box) -> None:
    box.fill("INBOX", [message(subject="Beta", body=b"a needle\r\n"), message(subject="alpha"), message(subject="Re: Beta")])
    good(imap.select())
    assert good(imap.search(None, "SUBJECT", '"beta"')) == [b"1 3"]
    assert good(imap.search("UTF-8", "TEXT", '"NEEDLE"')) == [b"1"]
    assert good(imap.sort("(SUBJECT)", "UTF-8", "ALL")) == [b"2 1 3"]
    assert good(imap.thread("ORDEREDSUBJECT", "UTF-8", "ALL"))[0].count(b"(") >= 2


def test_imapclient_fetches_all_that_a_list_of_messages_shows(client: IMAPClient, box: Box) -> None:
    box.fill("INBOX", [mail := message(subject="Hello")])
    client.select_folder("INBOX", readonly=True)
    [(uid, found)] = client.fetch([1], ["ENVELOPE", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODYSTRUCTURE", "BODY.PEEK[]"]).items()
    assert (uid, found[b"BODY[]"], found[b"RFC822.SIZE"]) == (1, mail, len(mail))
    envelope = found[b"ENVELOPE"]
    assert envelope.subject == b"Hello"
    assert (envelope.from_[0].mailbox, envelope.from_[0].host) == (b"anna", b"client.example")
    assert found[b"BODYSTRUCTURE"][:2] == (b"text", b"plain")
    assert found[b"INTERNALDATE"].replace(tzinfo=UTC) > datetime(2026, 1, 1, tzinfo=UTC)


def test_imapclient_flags_and_moves(client: IMAPClient, box: Box) -> None:
    mails = [message() for _ in range(4)]
    box.fill("INBOX", mails)
    client.select_folder("INBOX")
    client.add_flags([1, 2], [b"\\Seen", b"$Work"])
    client.remove_flags([2], [b"\\Seen"])
    client.move([3, 4], "Archive")
    assert {held.uid: held.flags for held in box.held()} == {1: {"\\Seen", "$Work"}, 2: {"$Work"}}
    assert [held.data for held in box.held("Archive")] == mails[2:]
    client.delete_messages([1, 2])
    client.uid_expunge([2])
    assert [held.uid for held in box.held()] == [1]


def test_imapclient_names_folders_in_every_script(client: IMAPClient, box: Box) -> None:
    for name in ("Entwürfe & Co", "日本語/台北", "a [Gmail] b"):
        client.create_folder(name)
        client.append(name, mail := message(), flags=[b"\\Draft"])
        assert client.folder_status(name, ["MESSAGES"]) == {b"MESSAGES": 1}
        assert box.held(name)[0].data == mail
    assert {"Entwürfe & Co", "日本語/台北", "a [Gmail] b"} <= {name for _, _, name in client.list_folders()}


def test_imapclient_asks_for_all_it_knows(client: IMAPClient, box: Box) -> None:
    box.fill("INBOX", [message(subject=word) for word in ("b", "a", "c")])
    assert client.namespace().personal == (("", "/"),)
    assert b"Postroom" in repr(client.id_({"name": "test"})).encode()
    assert client.enable("CONDSTORE")
    client.select_folder("INBOX")
    assert client.sort(["REVERSE SUBJECT"]) == [3, 1, 2]
    assert client.search(["OR", "SUBJECT", "a", "SUBJECT", "c"]) == [2, 3]
    assert sorted(client.thread("REFERENCES")) == [(1,), (2,), (3,)]
    assert client.get_quota_root("INBOX")


def test_imapclient_hears_of_new_mail_in_IDLE(client: IMAPClient, box: Box) -> None:
    client.select_folder("INBOX")
    client.idle()
    with IMAPClient("127.0.0.1", box.port, ssl=False, timeout=20) as other:
        other.login(box.name, PASSWORD)
        other.append("INBOX", message())
    heard = []
    while (1, b"EXISTS") not in heard:
        found = client.idle_check(timeout=10)
        assert found, f"only {heard}"
        heard += found
    client.idle_done()
