"""Peers that drip, stop in the middle, vanish without a word, or come in crowds and say nothing."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.lengths import rounds
from tests.faults.memory import MB, private, watched
from tests.faults.peer import Peer
from tests.faults.target import STRANGER, Target

SILENT = rounds(1000, 4000)
EACH = 64 * 1024  # bytes that a silent connection may cost
ENVELOPE = [b"EHLO c\r\n", b"MAIL FROM:<a@elsewhere.example>\r\n", b"RCPT TO:<bob@example.test>\r\n"]
DATA = [*ENVELOPE, b"DATA\r\n"]
CUTS = {  # what was sent before the connection was cut
    "in the middle of a command": [b"EHLO client.exa"],
    "after 354": DATA,
    "in the middle of the text": [*DATA, b"Subject: x\r\n\r\nhalf"],
    "in a large text": [*DATA, b"x" * 70 + b"\r\n", b"y" * 900_000],
    "before the final dot": [*DATA, b"Subject: x\r\n\r\nall\r\n."],
    "in a chunk": [*ENVELOPE, b"BDAT 5000000\r\n", b"z" * 800_000],
    "between chunks": [*ENVELOPE, b"BDAT 4\r\n", b"a: b"],
    "in the TLS handshake": [b"EHLO c\r\n", b"STARTTLS\r\n", b"\x16\x03\x01\x02\x00\x01\x00"],
    "in a login": [b"EHLO c\r\n", b"AUTH LOGIN\r\n", b"Ym"],
}


@pytest.fixture(scope="module", autouse=True)
def _many_files() -> None:
    """A thousand connections need as many file descriptors here as there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 3 * SILENT)), hard))


@contextlib.contextmanager
def silent(target: Target, service: str, count: int) -> Iterator[list[Peer]]:
    """So many connections that say nothing."""
    with contextlib.ExitStack() as crowd:
        port = target.server.ports[service]
        yield [crowd.enter_context(Peer(port, source=STRANGER, greet=service == "SMTP")) for _ in range(count)]


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_cut_connections_leave_nothing_behind(target: Target, reset: bool) -> None:
    """No message, no memory, no draft, no maildrop that stays locked."""
    before = len(target.inbox("bob"))
    with watched(target.pid) as growth:
        for parts in CUTS.values():
            for _ in range(rounds(2, 20)):
                with target.smtp() as peer:
                    for part in parts:
                        peer.send(part)
                        if len(part) < 60 and part.endswith(b"\r\n") and not part.startswith(b"BDAT"):
                            peer.reply()
                    if reset:
                        peer.cut()
        with target.pop3() as peer:
            peer.login_pop3("bob")
            peer.send(b"DELE 1\r\nRETR 1\r\n")
            peer.cut()
        assert wait_until(lambda: can_open(target))
    assert growth.most < 30 * MB  # the login's 19 MB among them
    assert len(target.inbox("bob")) == before
    assert wait_until(lambda: drafts(target) == 0), "drafts of cut connections stay"


def can_open(target: Target) -> bool:
    with target.pop3() as peer:
        return peer.login_pop3("bob").startswith("+OK")


def drafts(target: Target) -> int:
    with target.server.database() as database:
        row = database.read(lambda tx: tx.one("SELECT count(*) FROM blob WHERE complete = 0"))
    assert row is not None
    return int(row[0])


def test_a_thousand_silent_connections_cost_little_and_hold_nobody_up(target: Target) -> None:
    before = private(target.pid)
    with silent(target, "SMTP", SILENT):
        grown = private(target.pid) - before
        began = time.monotonic()
        with target.smtp() as peer:
            peer.hello("carol@example.test")
            assert peer.message(b"Subject: in a crowd\r\n\r\nx").startswith("250")
        took = time.monotonic() - began
    print(f"{grown / SILENT / 1024:.1f} KB for each of {SILENT}, a message in {took * 1000:.0f} ms")
    assert grown <= SILENT * EACH
    assert took < 1.0
    with silent(target, "SMTP", SILENT):
        pass
    assert wait_until(lambda: private(target.pid) - before <= SILENT * EACH), "closed connections leave memory behind"


def test_a_crowd_in_the_TLS_handshake_costs_little_and_holds_nobody_up(target: Target) -> None:
    before = private(target.pid)
    with silent(target, "SMTPS", SILENT // 2) as crowd:
        for peer in crowd[::2]:
            peer.send(b"\x16\x03\x01\x02\x00\x01")
        assert private(target.pid) - before <= SILENT // 2 * EACH
        with target.smtp() as peer:
            assert peer.ask(b"EHLO client.example").startswith("250")


def test_a_message_that_comes_byte_by_byte_is_taken(target: Target) -> None:
    text = b"Subject: slow\r\n\r\n..\r\nslow as it gets\r\n.\r\n"
    with target.smtp() as peer:
        peer.hello("carol@example.test")
        peer.ask(b"DATA")
        for octet in text:
            peer.send(bytes([octet]))
            time.sleep(0.002)
        assert peer.reply().startswith("250")
    assert target.inbox("carol")[-1].endswith(b"\r\n\r\n.\r\nslow as it gets\r\n")


def test_peers_that_stop_reading_hold_nobody_up(target: Target) -> None:
    """They ask for much and take nothing; others are served meanwhile, and the memory stays."""
    with target.smtp() as peer:
        peer.hello("carol@example.test")
        assert peer.message(b"Subject: big\r\n\r\n" + (b"x" * 70 + b"\r\n") * 40_000 + b"end").startswith("250")
    number = len(target.inbox("carol"))
    with contextlib.ExitStack() as crowd:
        reader = crowd.enter_context(target.pop3())
        reader.login_pop3("carol")
        with watched(target.pid) as growth:
            reader.send(b"RETR %d\r\n" % number * 50)
            with target.smtp() as peer:
                assert peer.hello("bob@example.test")[0].startswith("250")
        assert growth.most < 4 * MB
