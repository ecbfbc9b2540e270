"""Bytes that make no sense, at every stage and in any quantity: the session ends, the worker stays as it is."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults.conftest import ENGINES
from tests.faults.lengths import rounds
from tests.faults.memory import MB, watched
from tests.faults.peer import Gone, Peer
from tests.faults.target import STRANGER, Target

GROWTH = 4 * MB  # what one peer may cost, whatever it does
STAGES = {  # service: what is said before the garbage
    "SMTP": (
        [],
        [b"EHLO client.example"],
        [b"EHLO client.example", b"MAIL FROM:<ann@elsewhere.example>"],
        [b"EHLO client.example", b"MAIL FROM:<ann@elsewhere.example>", b"RCPT TO:<bob@example.test>"],
        [b"EHLO client.example", b"MAIL FROM:<ann@elsewhere.example>", b"RCPT TO:<bob@example.test>", b"DATA"],
        [b"EHLO client.example", b"MAIL FROM:<ann@elsewhere.example>", b"RCPT TO:<bob@example.test>", b"BDAT 1000000"],
        [b"EHLO client.example", b"STARTTLS"],
        [b"EHLO client.example", b"AUTH LOGIN"],
    ),
    "POP3": ([], [b"USER bob"], [b"STLS"], [b"AUTH PLAIN"], [b"USER bob", b"PASS secret"]),
    "IMAP4": (
        [],
        [b"a LOGIN bob secret"],
        [b"a STARTTLS"],
        [b"a AUTHENTICATE PLAIN"],
        [b"a LOGIN {1000}"],
        [b"a LOGIN bob secret", b"b APPEND INBOX {1000000}"],
        [b"a LOGIN bob secret", b"b SELECT INBOX"],
        [b"a LOGIN bob secret", b"b SELECT INBOX", b"c IDLE"],
        [b"a LOGIN bob secret", b"b COMPRESS DEFLATE"],
    ),
    "SMTPS": ([],),
    "Metrics": ([],),
}
CASES = [
    pytest.param(service, before, id=f"{service} {len(before)} {before[-1:]}") for service, stages in STAGES.items() for before in stages
]
ON_SQLITE = pytest.mark.parametrize("target", ENGINES[:1], indirect=True)  # for what takes long and has no part in the database
SPEAKS_FIRST = ("SMTP", "POP3", "IMAP4")


@pytest.fixture(autouse=True)
def _served(target: Target, unharmed: None) -> Iterator[None]:
    """After whatever came: mail is taken and read."""
    yield
    with target.smtp() as peer:
        assert peer.hello("carol@example.test")[0].startswith("250")
        assert peer.message(b"Subject: still here\r\n\r\nx").startswith("250")
    with target.pop3() as peer:
        assert peer.login_pop3("carol").startswith("+OK")


def throw(peer: Peer, data: bytes) -> None:
    """Send until the server has had enough."""
    with contextlib.suppress(Gone, TimeoutError):
        peer.send(data)


def garbage(seed: int, size: int) -> bytes:
    chance = random.Random(seed)
    kind = seed % 3
    if kind == 0:
        return chance.randbytes(size)
    if kind == 1:  # lines of garbage
        return b"\r\n".join(
            chance.randbytes(chance.randrange(1, 200)).replace(b"\n", b"?").replace(b"\r", b"?") for _ in range(size // 100)
        )
    words = [
        b"FETCH",
        b"SEARCH",
        b"(",
        b"{5}",
        b"{5+}",
        b'"',
        b"MAIL",
        b"RCPT",
        b"DATA",
        b"BDAT",
        b"AUTH",
        b"RETR",
        b"TOP",
        b"GET",
        b"FROM:",
        b"<",
        b">",
        b" ",
        b":",
        b"\r\n",
        b"\r\n",
        b"9" * 30,
        b"\xff",
    ]
    return b"".join(chance.choice(words) for _ in range(size // 4))


@pytest.mark.parametrize(("service", "before"), CASES)
def test_random_bytes_at_every_stage_end_the_session_and_nothing_else(target: Target, service: str, before: list[bytes]) -> None:
    talk_garbage(target, service, before, 0)  # the first login costs argon2's 19 MB for a moment
    with watched(target.pid) as growth:
        for seed in range(1, rounds(4, 60)):
            talk_garbage(target, service, before, seed)
    assert growth.most < GROWTH


def talk_garbage(target: Target, service: str, before: list[bytes], seed: int) -> None:
    """One connection: the commands in order, then 60 KB of garbage, then a reset."""
    with Peer(target.server.ports[service], source=STRANGER, greet=service in SPEAKS_FIRST) as peer:
        for command in before:
            peer.send(command + b"\r\n")
            if not command.startswith(b"BDAT"):
                peer.reply()
        throw(peer, garbage(seed, 60_000))
        peer.cut()


@pytest.mark.parametrize("service", ["SMTP", "POP3", "IMAP4", "Metrics", "SMTPS"])
def test_megabytes_without_a_line_end_are_not_kept(target: Target, service: str) -> None:
    with watched(target.pid) as growth:
        for octet in (b"A", b"\0", b"\r", b"\xff"):
            with Peer(target.server.ports[service], source=STRANGER, greet=service in SPEAKS_FIRST) as peer:
                throw(peer, octet * (rounds(8, 100) * MB))
    assert growth.most < GROWTH


def flooded(peer: Peer, commands: list[bytes]) -> Counter[str]:
    """The replies to so many commands, sent and read at the same time: or both sides would wait for the other to read."""
    sending = threading.Thread(target=throw, args=(peer, b"\r\n".join([*commands, b""])))
    sending.start()
    replies = Counter(peer.reply()[:9] for _ in commands)
    sending.join()
    return replies


def test_a_hundred_thousand_recipients_are_not_kept(target: Target) -> None:
    """Beyond the limit of a message, 452 tells a client to send the rest in another (RFC 5321 4.5.3.1.10)."""
    with watched(target.pid) as growth, target.smtp(timeout=60) as peer:
        peer.hello()
        replies = flooded(peer, [b"RCPT TO:<bob+%d@example.test>" % number for number in range(100_000)])
    assert replies == {"250 2.1.5": 1000, "452 4.5.3": 99_000}
    assert growth.most < GROWTH


def test_a_flood_of_harmless_commands_costs_no_memory(target: Target) -> None:
    with watched(target.pid) as growth, target.smtp(timeout=60) as peer:
        assert sum(flooded(peer, [b"NOOP"] * 60_000).values()) == 60_000
    assert growth.most < GROWTH


def test_one_who_never_reads_answers_does_not_fill_the_memory(target: Target) -> None:
    """CAPA answers are fifty times longer than the command: they wait in the kernel, not with us."""
    with watched(target.pid) as growth, target.pop3(timeout=3) as peer:
        throw(peer, b"CAPA\r\n" * 40_000)
    assert growth.most < GROWTH


@ON_SQLITE
def test_the_error_budget_ends_a_session(target: Target) -> None:
    """20 errors, the last of them with growing pauses; the end is told. All protocols at once, for it takes its time."""
    with target.smtp(timeout=40) as smtp, target.pop3(timeout=40) as pop3, target.imap4(timeout=40) as imap4:
        for peer in (smtp, pop3, imap4):
            peer.send(b"XYZZY YZZYX\r\n" * 500)
        for peer, end in ((smtp, "421"), (pop3, "-ERR too many errors"), (imap4, "* BYE")):
            answers = peer.rest()
            assert len(answers) <= 20 and answers[-1].startswith(end), answers[-1:]
