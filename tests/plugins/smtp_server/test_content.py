"""What is put on top of a message, and what happens when it cannot be kept."""

from __future__ import annotations

import re
from typing import Any

import pytest

from postroom import ids
from postroom.asking import PluginFault
from postroom.store.database import StoreUnavailable
from postroom_smtp_server.received import closing
from postroom_smtp_server.session import Session
from tests.peers import TLS_DETAILS, SessionPeer
from tests.plugins.smtp_server.desk import NOW, Office

MAIL = b"From: a@b.example\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@b.example>\r\n\r\nx\r\n"


def deliver(session: Session, content: bytes = MAIL, *, hello: bytes = b"EHLO client.example", rcpt: tuple[str, ...] = ("bob",)) -> str:
    """The reply to the message."""
    peer = SessionPeer(session)
    commands = [hello, b"MAIL FROM:<a@b.example>", *(f"RCPT TO:<{name}@example.test>".encode() for name in rcpt), b"DATA"]
    peer.send(b"".join(command + b"\r\n" for command in commands) + content + b".\r\n")
    lines = []
    while peer._output:
        lines.append(peer.line() or "")
    return lines[-1]


def test_the_received_header_tells_the_way() -> None:
    office = Office()
    reply = deliver(office.session())
    trace = ids.text(office.queue.taken[0].id)
    assert reply == f"250 2.0.0 Ok: queued as {trace}"
    assert re.fullmatch(
        rb"Received: from client\.example \(\[192\.0\.2\.7\]\)\r\n"
        rb"\tby mail\.example\.test \(Postroom\) with ESMTP\r\n"
        rb"\tid " + trace.encode() + rb" for <bob@example\.test>;\r\n"
        rb"\t[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} 2026 \d\d:\d\d:\d\d [+-]\d{4}\r\n",
        office.queue.taken[0].received,
    )


def test_the_date_is_that_of_the_clock() -> None:
    from email.utils import parsedate_to_datetime

    office = Office()
    deliver(office.session())
    assert parsedate_to_datetime(office.queue.taken[0].received.rpartition(b";")[2].decode().strip()).timestamp() == NOW


def test_of_several_recipients_none_is_named() -> None:
    office = Office()
    deliver(office.session(), rcpt=("bob", "alice"))
    assert b" for " not in office.queue.taken[0].received


@pytest.mark.parametrize(
    ("hello", "facts", "word"),
    [
        (b"HELO x", {}, b"with SMTP\r\n"),
        (b"EHLO x", {}, b"with ESMTP\r\n"),
        (b"EHLO x", {"tls": TLS_DETAILS}, b"with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384 256 bits)\r\n"),
        (b"EHLO x", {"user": "bob"}, b"with ESMTPA\r\n"),
        (b"EHLO x", {"tls": TLS_DETAILS, "user": "bob"}, b"with ESMTPSA (TLSv1.3 TLS_AES_256_GCM_SHA384 256 bits)\r\n"),
    ],
)
def test_the_protocol_is_named_as_rfc_3848_wants(hello: bytes, facts: dict[str, Any], word: bytes) -> None:
    office = Office()
    deliver(office.session(**facts), hello=hello)
    assert word in office.queue.taken[0].received


def test_smtputf8_is_named_as_rfc_6531_wants() -> None:
    office = Office()
    SessionPeer(office.session()).send(
        "EHLO x\r\nMAIL FROM:<ü@b.example> SMTPUTF8\r\nRCPT TO:<jörg@example.test>\r\nDATA\r\na: b\r\n.\r\n".encode()
    )
    assert b"with UTF8SMTP\r\n" in office.queue.taken[0].received
    assert " for <jörg@example.test>;".encode() in office.queue.taken[0].received


def test_a_domain_alone_does_not_internationalize_the_received_header() -> None:
    assert closing("bob@bücher.example", NOW).startswith(b" for <bob@xn--bcher-kva.example>;")


@pytest.mark.parametrize(
    ("address", "words"),
    [("2001:db8::7", b"from x ([IPv6:2001:db8::7])\r\n"), ("unix", b"from x\r\n")],
)
def test_other_kinds_of_addresses(address: str, words: bytes) -> None:
    office = Office()
    deliver(office.session(address=address), hello=b"HELO x")
    assert words in office.queue.taken[0].received


def test_a_helo_name_cannot_forge_a_header() -> None:
    office = Office()
    deliver(office.session(), hello=b"EHLO x(by;evil)<\xc3\xa4>")
    assert office.queue.taken[0].received.startswith(b"Received: from x?by?evil???? ([192.0.2.7])\r\n")


def test_a_users_message_is_completed() -> None:
    office = Office()
    deliver(office.session(user="bob"), b"From: bob@example.test\r\n\r\nDate: in the body\r\n")
    trace = ids.text(office.queue.taken[0].id).encode()
    assert re.search(
        rb"\r\nDate: [^\r]+ 2026 [^\r]+\r\nMessage-ID: <" + trace + rb"@mail\.example\.test>\r\nFrom: bob@example\.test\r\n\r\n",
        office.queue.content,
    )


def test_a_complete_message_of_a_user_stays_as_it_is() -> None:
    office = Office()
    deliver(office.session(user="bob"))
    assert office.queue.taken[0].envelope.headers == []


def test_a_strangers_message_is_not_completed() -> None:
    office = Office()
    deliver(office.session(), b"From: a@b.example\r\n\r\n")
    assert office.queue.taken[0].envelope.headers == []


@pytest.mark.parametrize("content", [b"just words\r\n", b"\r\nafter an empty line\r\n", b""])
def test_a_message_without_header_stays_a_body(content: bytes) -> None:
    office = Office()
    deliver(office.session(), content)
    assert office.queue.content == office.queue.taken[0].received + b"\r\n" + content


def test_the_message_is_kept_as_sent() -> None:
    office = Office()
    deliver(office.session(), MAIL + b"..\r\n...\r\n\xff\r\n")
    assert office.queue.content.endswith(MAIL + b".\r\n..\r\n\xff\r\n")
    assert office.blobs.drafts[0].sealed
    assert not office.blobs.drafts[0].abandoned


@pytest.mark.parametrize("fault", [StoreUnavailable("database gone"), PluginFault("x", "route")])
def test_what_cannot_be_kept_is_refused_for_now(fault: Exception) -> None:
    office = Office()
    office.queue.fails = fault
    assert deliver(office.session()) == "451 4.3.0 Temporary problem, try again later"
    assert office.blobs.drafts[0].abandoned
    assert office.counted == []


def test_a_full_store_is_told_at_the_end_of_the_message() -> None:
    office = Office()
    office.blobs.full = 10
    assert deliver(office.session()) == "451 4.3.0 Temporary problem, try again later"
    assert not office.queue.taken


def test_a_full_store_refuses_a_chunk() -> None:
    office = Office()
    office.blobs.full = 10
    peer = SessionPeer(office.session())
    peer.send(b"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.test>\r\nBDAT 21\r\nSubject: 0123456789\r\nBDAT 1 LAST\r\nx")
    lines = [peer.line() or "" for _ in range(6)]
    assert lines[-2].startswith("451 4.3.0")
    assert lines[-1].startswith("503 5.5.1")


@pytest.mark.parametrize("words", [b"", b" x", b" -1", b" 5 FIRST", b" 5 LAST x", b" 5x"])
def test_a_chunk_of_unknown_length_ends_the_session(words: bytes) -> None:
    """Its bytes would be taken for commands."""
    peer = SessionPeer(Office().session())
    peer.send(b"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.test>\r\nBDAT" + words + b"\r\nNOOP\r\n")
    lines = [peer.line() for _ in range(6)]
    assert lines[-2:] == ["501 5.5.4 Syntax: BDAT size [LAST]", None]


def test_an_unfinished_message_is_given_back_when_the_client_leaves() -> None:
    office = Office()
    session = office.session()
    peer = SessionPeer(session)
    peer.send(b"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nhalf a mess")
    session.closed()
    assert office.blobs.drafts[0].abandoned


def test_work_that_takes_too_long_is_refused_for_now_and_forgotten() -> None:
    office = Office()
    session = office.session()
    SessionPeer(session).send(b"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nx")
    assert bytes(session.too_slow().send).startswith(b"451 4.3.0")  # type: ignore[arg-type]
    assert office.blobs.drafts[0].abandoned
    assert session.handle(b"MAIL FROM:<a@b.example>").send == b"250 2.1.0 Sender ok\r\n"


def test_last_words_have_the_code_421() -> None:
    session = Office().session()
    for words in (session.too_many_errors(), session.timed_out(), session.shutting_down(), session.broken()):
        assert re.fullmatch(rb"421 4\.\d\.\d mail\.example\.test .*\r\n", words)


def test_the_envelope_carries_what_was_asked_for() -> None:
    office = Office()
    SessionPeer(office.session(user="bob", no_auth=True, tls=TLS_DETAILS)).send(
        b"EHLO x\r\nMAIL FROM:<a@b.example> SIZE=99 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=q+2B1\r\n"
        b"RCPT TO:<Bob@Example.Test> NOTIFY=success,DELAY ORCPT=rfc822;x@y.example\r\nDATA\r\na: b\r\n.\r\n"
    )
    envelope = office.queue.taken[0].envelope
    assert (envelope.sender, envelope.user, envelope.local_origin) == ("a@b.example", "bob", True)
    assert (envelope.size, envelope.body, envelope.smtputf8, envelope.requiretls) == (99, "8BITMIME", True, True)
    assert (envelope.ret, envelope.envid) == ("HDRS", "q+2B1")
    recipient = envelope.recipients[0]
    assert (recipient.address, recipient.notify, recipient.orcpt) == ("Bob@example.test", "SUCCESS,DELAY", "rfc822;x@y.example")
    assert recipient.route is not None


@pytest.mark.parametrize(("name", "whole"), [("bob", "bob@example.test"), ("PostMaster", "PostMaster@example.test")])
def test_bare_recipients_get_the_default_domain(name: str, whole: str) -> None:
    office = Office()
    SessionPeer(office.session()).send(f"HELO x\r\nMAIL FROM:<root>\r\nRCPT TO:<{name}>\r\nDATA\r\na: b\r\n.\r\n".encode())
    assert office.queue.taken[0].envelope.recipients[0].address == whole
    assert office.queue.taken[0].envelope.sender == "root@example.test"


def test_an_accepted_message_forgives_errors() -> None:
    session = Office().session()
    for command in (b"HELO x", b"MAIL FROM:<a@b.example>", b"RCPT TO:<bob@example.test>"):
        assert not session.handle(command).achieved
    sink = session.handle(b"DATA").sink
    assert sink is not None
    sink.write(MAIL)
    assert session.received(None, len(MAIL)).achieved
