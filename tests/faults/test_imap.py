"""Hostile IMAP clients: what is too long, too deep or too much is refused in bounded time and memory, and nobody else is held up."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.lengths import rounds
from tests.faults.memory import MB, private, watched
from tests.faults.peer import Gone, Peer
from tests.faults.target import Target
from tests.faults.test_slow_peers import wait_until

GROWTH = 6 * MB  # what one peer may cost, whatever it does
EACH = 64 * 1024  # bytes that an idle connection may cost
QUICK = 2.0  # seconds for what is refused without work; generous, the machine may be busy

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.fixture
def peer(target: Target) -> Iterator[Peer]:
    """A client that has logged in."""
    with target.imap4() as peer:
        peer.login_imap("bob", select=True)
        yield peer


def mail(target: Target, user: str, *bodies: bytes) -> None:
    """Messages for a user, by SMTP."""
    for body in bodies:
        with target.smtp() as peer:
            peer.hello(f"{user}@example.test")
            assert peer.message(b"Subject: x\r\n\r\n" + body).startswith("250")


def refused(peer: Peer, command: bytes, *wanted: str) -> str:
    """The tagged refusal of a command, which comes soon; the session goes on."""
    began = time.monotonic()
    answer = peer.say(command)[-1]
    assert time.monotonic() - began < QUICK
    assert answer.startswith(("t BAD", "t NO")), answer
    assert all(word in answer for word in wanted), answer
    assert peer.say(b"NOOP")[-1].startswith("t OK")
    return answer


def ended(peer: Peer, data: bytes) -> list[str]:
    """The last words of the server on what it will not read."""
    began = time.monotonic()
    with contextlib.suppress(Gone):
        peer.send(data)
    words = peer.rest()
    assert time.monotonic() - began < QUICK
    assert words, "the server hangs up without a word"
    assert words[-1].startswith("* BYE"), words
    return words


# --- STARTTLS


def test_what_is_sent_with_STARTTLS_is_not_obeyed_after_it(target: Target) -> None:
    """CVE-2011-0411: a man in the middle puts a command behind STARTTLS."""
    with target.imap4() as peer:
        peer.send(b"a STARTTLS\r\nb LOGIN bob secret\r\nc SELECT INBOX\r\n")
        assert peer.answer(b"a")[-1].startswith("a OK")
        peer.start_tls()
        assert [line[:6] for line in peer.say(b"SELECT INBOX", b"d")] == ["d BAD "]


def test_STARTTLS_is_told_and_taken_once(target: Target) -> None:
    with target.imap4() as peer:
        assert "STARTTLS" in peer.say(b"CAPABILITY")[0].split()
        peer.say(b"STARTTLS")
        peer.start_tls()
        assert "STARTTLS" not in peer.say(b"CAPABILITY")[0].split()
        refused(peer, b"STARTTLS")


# --- too long


@pytest.mark.parametrize("size", [9_000, 100_000, 900_000])
def test_an_over_long_line_is_refused_before_the_login(target: Target, size: int) -> None:
    with target.imap4() as peer, watched(target.pid) as growth:
        peer.send(b"a NOOP " + b"x" * size + b"\r\nb NOOP\r\n")
        assert peer.line().split()[1] == "BAD"
        assert peer.answer(b"b")[-1].startswith("b OK")
    assert growth.most < GROWTH


def test_a_line_as_long_as_the_RFC_wants_is_taken(peer: Peer) -> None:
    numbers = b",".join(b"%d" % number for number in range(1, 12_000, 2))
    assert len(numbers) > 30_000
    assert peer.say(b"UID FETCH " + numbers + b" (UID)")[-1].startswith("t OK")


@pytest.mark.parametrize("command", [b"LOGIN {%d+}", b"LOGIN {%d}", b"AUTHENTICATE PLAIN {%d+}", b"NOOP {%d+}"])
@pytest.mark.parametrize("size", [4_097, 2_000_000_000, 9_999_999_999])
def test_a_huge_literal_of_a_stranger_is_not_read(target: Target, command: bytes, size: int) -> None:
    with target.imap4() as peer, watched(target.pid) as growth:
        data = b"a " + command % size + b"\r\n" + b"x" * 4_000
        if b"+" in command:
            ended(peer, data)
        else:
            peer.send(data[:-4000])
            assert peer.line().split()[1] in {"NO", "BAD"}
    assert growth.most < GROWTH


@pytest.mark.parametrize("command", [b"SELECT {%d+}", b"APPEND INBOX {%d+}", b"SEARCH SUBJECT {%d+}", b"APPEND {%d+}", b"XYZZY {%d+}"])
def test_a_huge_literal_of_a_user_is_not_read(peer: Peer, target: Target, command: bytes) -> None:
    """A non-synchronizing literal over the bound is refused without reading it in (RFC 7888 section 4)."""
    with watched(target.pid) as growth:
        ended(peer, b"a " + command % 2_000_000_000 + b"\r\n" + b"x" * 100_000)
    assert growth.most < GROWTH


def test_a_literal_that_is_announced_too_large_is_refused_and_the_session_goes_on(peer: Peer) -> None:
    refused(peer, b"APPEND INBOX {999999999}", "TOOBIG")
    refused(peer, b"SELECT {200000}", "TOOBIG")


def test_a_command_of_many_literals_is_bounded(peer: Peer, target: Target) -> None:
    with watched(target.pid) as growth:
        piece = b"SUBJECT {100000+}\r\n" + b"x" * 100_000 + b" "
        ended(peer, b"a SEARCH " + piece * 40)
    assert growth.most < GROWTH


# --- too deep and too many


@pytest.mark.parametrize(
    "command",
    [
        b"SEARCH " + b"(" * 33 + b"ALL" + b")" * 33,
        b"SEARCH " + b"(" * 30_000,
        b"SEARCH " + b"NOT " * 10_000 + b"ALL",
        b"SEARCH " + b"OR " * 10_000 + b"ALL ALL",
        b"THREAD REFERENCES UTF-8 " + b"(" * 20_000,
        b"SEARCH " + b"ALL " * 1_001 + b"ALL",
        b"FETCH 1 " + b"(" * 20_000,
        b"FETCH 1 (BODY[" + b"1." * 10_000 + b"1])",
        b"FETCH 1 (BODY[HEADER.FIELDS " + b"(" * 10_000,
        b"LIST (" * 5_000,
        b"STORE 1 FLAGS (" + b"a " * 20_000,
        b"GETMETADATA " + b"(" * 20_000,
        b"SORT (" + b"REVERSE " * 5_000 + b"DATE) UTF-8 ALL",
        b"ESEARCH IN (" + b"(" * 10_000,
    ],
    ids=lambda command: command[:30].decode() + "…",
)
def test_what_is_nested_too_deeply_or_too_long_is_refused(peer: Peer, target: Target, command: bytes) -> None:
    with watched(target.pid) as growth:
        refused(peer, command)
    assert growth.most < GROWTH


@pytest.mark.parametrize(
    "numbers",
    [b"0", b"4294967296", b"1:", b":", b"1,", b",1", b"1::2", b"-1", b"99999999999999999999999999", b"1:4294967296", b"\xff", b"", b"*:0"],
)
def test_number_sets_that_are_none_are_refused(peer: Peer, numbers: bytes) -> None:
    refused(peer, b"FETCH " + numbers + b" UID", "BAD")
    refused(peer, b"UID FETCH " + numbers + b" UID", "BAD")


@pytest.mark.parametrize(
    "numbers",
    [b"1:4294967295", b"4294967295:*", b"*:1", b",".join([b"1:*"] * 9_000), b",".join([b"*"] * 9_000), b"1:4294967295," * 4_000 + b"1"],
    ids=["all", "beyond", "backwards", "all 9000 times", "last 9000 times", "all 4000 times"],
)
def test_number_sets_of_any_size_cost_no_more_than_the_mailbox(peer: Peer, target: Target, numbers: bytes) -> None:
    mail(target, "bob", b"one")
    with watched(target.pid) as growth:
        began = time.monotonic()
        for command in (b"UID FETCH %s (FLAGS)", b"UID SEARCH UID %s", b"UID STORE %s +FLAGS.SILENT (\\Seen)"):
            answer = peer.say(command % numbers)
            assert answer[-1].startswith("t OK"), answer[-1]
            assert len(answer) < 1_000
        assert time.monotonic() - began < 3 * QUICK
    assert growth.most < GROWTH


def test_ten_thousand_and_one_ranges_are_too_many(peer: Peer) -> None:
    refused(peer, b"UID FETCH " + b",".join(b"%d" % number for number in range(1, 20_004, 2)) + b" UID", "BAD")


# --- bytes that make no sense


@pytest.mark.parametrize(
    "name",
    [
        b'"\xff\xfe"', b"&Jjo", b"&Jjo!-", b'"&AGE-"', b'"&U,BTFw-&ZeVnLIqe-"', b'"a&"', b'"&2AA-"', b'"a/../b"', b'".."', b'"a//b"',
        b'"/a"', b'"a*"', b'"%"', b'"&AAE-"', b'"' + b"x" * 300 + b'"', b'"' + b"a/" * 100 + b'a"', b'""', b'"&ZeVnLA-', b"a{3", b"\x01",
    ],
)  # fmt: skip
def test_names_that_cannot_be_are_refused(peer: Peer, name: bytes) -> None:
    refused(peer, b"CREATE " + name)


def test_a_quoted_string_holds_no_line_end(peer: Peer) -> None:
    peer.send(b't CREATE "a\nb"\r\n')
    assert peer.line().split()[1] == "BAD"
    assert peer.say(b"NOOP")[-1].startswith("t OK")


@pytest.mark.parametrize("tag", [b"*", b"+", b"", b" ", b"a+b", b"(", b'"a"', b"{1+}", b"\xe4", b"a\0"])
def test_what_is_no_tag_is_refused(peer: Peer, tag: bytes) -> None:
    peer.send(tag + b" NOOP\r\n" + (b"x\r\n" if b"{" in tag else b""))
    line = peer.line()
    assert " BAD " in line or line.startswith("* BYE"), line


# --- many commands at once


def test_pipelined_commands_are_answered_in_order(peer: Peer) -> None:
    commands = (b"NOOP", b"CHECK", b"UID SEARCH ALL", b"UID FETCH * UID")
    peer.send(b"".join(b"c%d %s\r\n" % (number, commands[number % 4]) for number in range(400)))
    for number in range(400):
        assert peer.answer(b"c%d" % number)[-1].startswith(f"c{number} OK")


def test_a_whole_session_may_come_in_one_write(target: Target) -> None:
    mail(target, "bob", b"one")
    with target.imap4() as peer:
        peer.send(b"a LOGIN {3+}\r\nbob {6+}\r\nsecret\r\nb SELECT INBOX\r\nc UID FETCH 1:* (FLAGS)\r\n")
        peer.send(b"d APPEND Drafts {3+}\r\nx\r\n\r\ne LOGOUT\r\n")
        lines = peer.rest()
    assert [line[:4] for line in lines if line[:1] in "abcde"] == [f"{tag} OK" for tag in "abcde"]


def test_a_flood_of_commands_costs_no_memory(peer: Peer, target: Target) -> None:
    count = rounds(10_000, 100_000)
    with watched(target.pid) as growth:
        sending = threading.Thread(target=peer.send, args=(b"t NOOP\r\n" * count,))
        sending.start()
        assert all(peer.line().startswith("t OK") for _ in range(count))
        sending.join()
    assert growth.most < GROWTH


# --- clients that do not read, and clients that go


def test_one_who_never_reads_holds_neither_memory_nor_a_lock(target: Target) -> None:
    mail(target, "carol", *[(b"%d" % number + b"x" * 70 + b"\r\n") * 10_000 for number in range(5)])
    with target.imap4() as deaf, target.imap4() as other:
        deaf.login_imap("carol", select=True)
        other.login_imap("carol", select=True)
        with watched(target.pid) as growth:
            deaf.send(b"".join(b"d%d UID FETCH 1:* (BODY.PEEK[])\r\n" % number for number in range(100)))
            time.sleep(0.5)
            began = time.monotonic()
            assert other.say(b"UID STORE 1:* +FLAGS (\\Flagged)")[-1].startswith("t OK")
            assert other.say(b"UID COPY 1 Archive")[-1].startswith("t OK")
            mail(target, "carol", b"still delivered")
            assert any("EXISTS" in line for line in other.say(b"NOOP"))
            assert time.monotonic() - began < 2 * QUICK
        assert growth.most < 2 * GROWTH
        deaf.cut()


@pytest.mark.parametrize(
    "said",
    [
        b"a APPEND INBOX {5000000}\r\n",
        b"a APPEND INBOX {30+}\r\nSubject: half",
        b"a APPEND INBOX {3+}\r\nabc {100+}\r\nx",
        b"a IDLE\r\n",
        b"a FETCH 1:* (BODY[]",
        b"a UID",
    ],
)
def test_clients_that_vanish_leave_nothing_behind(target: Target, said: bytes) -> None:
    before = len(target.inbox("bob"))
    for _ in range(rounds(3, 30)):
        with target.imap4() as peer:
            peer.login_imap("bob", select=True)
            peer.send(said)
            if said.endswith(b"0}\r\n"):
                assert peer.line().startswith("+")
                peer.send(b"Subject: x\r\n\r\n" + b"y" * 1_000_000)
            peer.cut()
    assert wait_until(lambda: _drafts(target) == 0), "drafts of cut connections stay"
    assert len(target.inbox("bob")) == before


def test_idle_connections_cost_little(target: Target) -> None:
    count = rounds(100, 1000)
    with target.imap4() as peer:
        peer.login_imap("carol", select=True)  # the first login costs argon2's 19 MB for a moment
    with contextlib.ExitStack() as crowd:
        before = private(target.pid)
        for _ in range(count):
            peer = crowd.enter_context(target.imap4())
            peer.login_imap("carol", select=True)
            peer.send(b"t IDLE\r\n")
            assert peer.line().startswith("+")
        grown = private(target.pid) - before
    print(f"{grown / count / 1024:.1f} KB for each of {count}")
    assert grown <= count * EACH + GROWTH


def _drafts(target: Target) -> int:
    with target.server.database() as database:
        row = database.read(lambda tx: tx.one("SELECT count(*) FROM blob WHERE complete = 0"))
    assert row is not None
    return int(row[0])
