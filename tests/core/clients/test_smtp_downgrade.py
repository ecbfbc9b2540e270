"""Messages with 8-bit text reach servers that do not offer 8BITMIME: they are made 7-bit before they leave."""

from __future__ import annotations

import email
import tracemalloc
from dataclasses import replace

import pytest

from postroom.clients.smtp.pool import SessionLimits
from postroom.mail import sevenbit
from postroom.mail.delivery import Delivered, Failed, TryLater
from postroom.mail.reply import Reply

from .smtp_peer import GREETING, PIPELINING, PLAIN, Peer, courier, deliver, hop, outgoing

MAIL = "C: MAIL FROM:<me@client.test>\n"
RCPT = "C: RCPT TO:<you@mx.test>\n"
QUIT = "C: QUIT\nS: 221 Bye"
DATA = "C: DATA\nS: 354 Go\n!message\nS: 250 Ok\n"
CHUNKING = GREETING + "S: 250-mx.test\nS: 250-PIPELINING\nS: 250-SIZE 100000\nS: 250 CHUNKING\n"
HEAD = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
BODY = "grün, und hier ist viel Text, der keine Umlaute hat\r\n".encode() + b".dot\r\n" + b"x" * 75 + b"..soft\r\n"
SIGNED = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n"
    b"--b\r\n\r\n\xc3\xbc\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"
)


def content(message: bytes) -> bytes:
    """The decoded body of a message that is 7-bit."""
    assert message.isascii()
    payload = email.message_from_bytes(message).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload


def test_a_plain_server_gets_the_message_in_7_bits() -> None:
    with Peer(f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\n{DATA}{QUIT}") as peer:
        outcome = deliver(peer, outgoing(message=HEAD + BODY, body="8BITMIME"))[1]
    assert isinstance(outcome, Delivered)
    assert outcome.how == "in the clear; converted to 7-bit MIME"
    assert content(peer.messages[0]) == BODY


def test_the_size_that_is_declared_is_that_of_what_is_sent() -> None:
    message = HEAD + BODY
    size = len(b"".join(sevenbit.plan(lambda: [message], lambda: None).converted([message], lambda: None)))
    mail, chunk = MAIL.replace(">", f"> SIZE={size}", 1), f"C: BDAT {size} LAST\n!octets {size}\n"
    with Peer(f"{CHUNKING}{mail}{RCPT}{chunk}S: 250 Ok\nS: 250 Ok\nS: 250 Ok\n{QUIT}") as peer:
        assert isinstance(deliver(peer, outgoing(message=message))[1], Delivered)
    assert size != len(message)
    assert content(peer.messages[0]) == BODY


def test_a_pipelined_envelope_is_followed_by_the_converted_message() -> None:
    script = f"{PIPELINING}{MAIL}{RCPT}C: DATA\nS: 250 Ok\nS: 250 Ok\nS: 354 Go\n!message\nS: 250 Ok\n{QUIT}"
    with Peer(script) as peer:
        assert isinstance(deliver(peer, outgoing(message=HEAD + BODY))[1], Delivered)
    assert content(peer.messages[0]) == BODY


def test_a_header_alone_is_reason_enough() -> None:
    with Peer(f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\n{DATA}{QUIT}") as peer:
        assert isinstance(deliver(peer, outgoing(message="Subject: ü\r\n\r\nx\r\n".encode()))[1], Delivered)
    assert peer.messages == [b"Subject: =?utf-8?B?w7w=?=\r\n\r\nx\r\n"]


@pytest.mark.parametrize("offered", ["S: 250 mx.test\n", "S: 250-mx.test\nS: 250 8BITMIME\n"])
def test_a_binary_message_is_converted_for_a_server_without_binarymime(offered: str) -> None:
    message = HEAD.replace(b"8bit", b"binary") + b"bare\nline\rends\0\xff"
    with Peer(f"{GREETING}{offered}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\n{DATA}{QUIT}") as peer:
        assert isinstance(deliver(peer, outgoing(message=message, body="BINARYMIME"))[1], Delivered)
    assert content(peer.messages[0]) == b"bare\nline\rends\0\xff"


def test_a_large_message_is_converted_while_it_is_sent() -> None:
    body = b"\xff line of a large message\r\n" * 200_000
    with Peer(f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354 Go\n!skip 5600000\n!message\nS: 250 Ok\n{QUIT}") as peer:
        message = outgoing(message=HEAD + body, pieces=1 << 18)
        tracemalloc.start()
        try:
            assert isinstance(deliver(peer, message)[1], Delivered)
            assert tracemalloc.get_traced_memory()[1] < 2_500_000
        finally:
            tracemalloc.stop()


def test_each_transaction_gets_the_converted_message() -> None:
    envelope = "C: MAIL FROM:<me@client.test>\nS: 250 Ok\nC: RCPT TO:<*>\nS: 250 Ok\n" + DATA
    with Peer(f"{PLAIN}{envelope}{envelope}{QUIT}") as peer:
        carrier = courier(SessionLimits(recipients_per_message=1))
        outcomes = carrier.deliver(outgoing("a@mx.test", "b@mx.test", message=HEAD + BODY), [hop(peer)])
        carrier.pool.close()
    assert all(isinstance(outcome, Delivered) for outcome in outcomes.values())
    assert [content(message) for message in peer.messages] == [BODY, BODY]


def test_a_server_that_wants_it_later_is_told_of_with_the_conversion() -> None:
    with Peer(f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 450 4.2.0 Later\n{QUIT}") as peer:
        outcome = deliver(peer, outgoing(message=HEAD + BODY))[1]
    assert isinstance(outcome, TryLater)
    assert outcome.how == "RCPT; in the clear; converted to 7-bit MIME"


def failed(message: bytes, offered: str = "S: 250 mx.test\n", body: str = "8BITMIME") -> Reply:
    """The reply for a message of which nothing may be sent to a server that offers this."""
    with Peer(f"{GREETING}{offered}{QUIT}") as peer:
        outcome = deliver(peer, outgoing(message=message, body=body))[1]
    assert isinstance(outcome, Failed)
    assert outcome.ours
    return outcome.reply


def test_a_signed_message_is_not_broken() -> None:
    reply = failed(SIGNED)
    assert (reply.code, reply.enhanced) == (554, "5.6.2")


@pytest.mark.parametrize(
    "message",
    [
        b"no header\r\n\r\n\xe4\r\n",
        b"From: \xe4@mx.test\r\n\r\nx\r\n",
        HEAD.replace(b"8bit", b"x-own") + BODY,
        b"Content-Type: multipart/x\r\n\r\n\xe4",
    ],
)
def test_what_cannot_be_converted_fails_as_it_is(message: bytes) -> None:
    assert failed(message).enhanced == "5.6.3"


def test_a_binary_message_with_bare_line_ends_in_a_header_fails() -> None:
    assert failed(b"Subject: x\nX: y\r\n\r\n\xe4\n", body="BINARYMIME").enhanced == "5.6.3"


def test_a_message_that_has_become_too_large_fails() -> None:
    reply = failed(HEAD + b"\xff" * 900 + b"\r\n", "S: 250-mx.test\nS: 250 SIZE 1100\n")
    assert (reply.enhanced, "takes 1100 at most" in reply.text) == ("5.3.4", True)


def test_what_was_7_bit_is_sent_as_it_is() -> None:
    message = b"Subject: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain\r\n"
    with Peer(f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\n{DATA}{QUIT}") as peer:
        outcome = deliver(peer, replace(outgoing(message=message), body="8BITMIME"))[1]
    assert peer.messages == [message]
    assert outcome == Delivered("250 Ok", f"mx.test[127.0.0.1]:{peer.port}")
    assert isinstance(outcome, Delivered)
    assert outcome.how == "in the clear"
