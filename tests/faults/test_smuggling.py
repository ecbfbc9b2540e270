"""Text that one server would take for two messages is refused whole, through a real server; and nothing injected before TLS survives it."""

from __future__ import annotations

import itertools

import pytest

from tests.faults.lengths import rounds
from tests.faults.target import Target

SECOND = b"MAIL FROM:<evil@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\ngotcha\r\n.\r\n"
LINE_ENDS = (b"\r\n", b"\n", b"\r", b"\0", b"\r\r\n", b"\n\r", b"\r\0\n", b"\0\r\n", b"\r\n\0")
ENDS = [end for end in (b"%b.%b" % pair for pair in itertools.product(LINE_ENDS, LINE_ENDS)) if b"\r\n.\r\n" not in end]


@pytest.mark.parametrize("whole", [True, False], ids=["pipelined", "piece by piece"])
def test_nothing_but_CRLF_dot_CRLF_ends_a_message(target: Target, whole: bool) -> None:
    """Each false end is followed by a whole second message; never are there two answers, nor two messages."""
    before = len(target.inbox("bob"))
    for end in ENDS if whole else ENDS[:: rounds(6, 1)]:
        with target.smtp() as peer:
            peer.hello("bob@example.test")
            assert peer.ask(b"DATA").startswith("354")
            text = b"Subject: first\r\n\r\nbody" + end + SECOND
            if whole:
                peer.send(text + b"NOOP\r\n")
            else:
                for octet in text:
                    peer.send(bytes([octet]))
                peer.send(b"NOOP\r\n")
            answer = peer.reply()
            assert answer.startswith("550 5.6.0"), (end, answer)
            assert peer.reply().startswith("250"), end  # of NOOP: the true end was found, and nothing before it was a command
    assert len(target.inbox("bob")) == before


def test_a_dot_line_inside_a_chunk_ends_nothing(target: Target) -> None:
    """BDAT counts; its bytes end nothing, also where they look like the end of DATA."""
    before = len(target.inbox("bob"))
    text = b"Subject: chunk\r\n\r\nbody\r\n.\r\n" + SECOND
    with target.smtp() as peer:
        peer.hello("bob@example.test")
        peer.send(b"BDAT %d LAST\r\n" % len(text) + text)
        assert peer.reply().startswith("250")
        assert peer.ask(b"NOOP").startswith("250")
    inbox = target.inbox("bob")
    assert len(inbox) == before + 1 and inbox[-1].endswith(text)


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\0"])
def test_a_chunk_of_text_with_bare_line_ends_is_refused(target: Target, end: bytes) -> None:
    before = len(target.inbox("bob"))
    text = b"Subject: chunk\r\n\r\nbody" + end + SECOND
    with target.smtp() as peer:
        peer.hello("bob@example.test")
        peer.send(b"BDAT %d LAST\r\n" % len(text) + text)
        assert peer.reply().startswith("5")
    assert len(target.inbox("bob")) == before


def test_what_POP3_sends_of_a_message_with_dots_has_one_end(target: Target) -> None:
    text = b"Subject: dots\r\n\r\n..\r\n...\r\n..x\r\nend"
    with target.smtp() as peer:
        peer.hello("carol@example.test")
        assert peer.message(text).startswith("250")
    with target.pop3() as peer:
        peer.login_pop3("carol")
        assert peer.ask(b"RETR %d" % len(target.inbox("carol"))).startswith("+OK")
        assert peer.text().endswith(b"\r\n\r\n.\r\n..\r\n.x\r\nend\r\n")


@pytest.mark.parametrize(
    "injected", [b"NOOP\r\n", b"MAIL FROM:<evil@example.test>\r\nRCPT TO:<bob@example.test>\r\n", b"x" * 50_000, b"\x16\x03"]
)
def test_SMTP_commands_injected_before_TLS_are_dropped(target: Target, injected: bytes) -> None:
    """CVE-2011-0411: answers after the handshake belong to commands from inside it."""
    with target.smtp() as peer:
        peer.ask(b"EHLO client.example")
        peer.send(b"STARTTLS\r\n" + injected)
        assert peer.reply().startswith("220")
        peer.start_tls()
        assert peer.ask(b"XYZZY").startswith("500")
        peer.ask(b"EHLO client.example")
        assert peer.ask(b"RCPT TO:<bob@example.test>").startswith("503")


def test_POP3_commands_injected_before_TLS_are_dropped(target: Target) -> None:
    with target.pop3() as peer:
        peer.send(b"STLS\r\nUSER bob\r\nPASS secret\r\nSTAT\r\n")
        assert peer.reply().startswith("+OK")
        peer.start_tls()
        assert peer.ask(b"STAT").startswith("-ERR")
        assert peer.ask(b"PASS secret").startswith("-ERR")  # no USER was heard
        assert peer.login_pop3("bob").startswith("+OK")


def test_an_EHLO_before_TLS_is_forgotten_by_SMTP(target: Target) -> None:
    """RFC 3207 section 4.2: knowledge from before the handshake is discarded."""
    with target.smtp() as peer:
        peer.ask(b"EHLO client.example")
        assert peer.ask(b"STARTTLS").startswith("220")
        peer.start_tls()
        assert peer.ask(b"MAIL FROM:<ann@elsewhere.example>").startswith("503")
