"""IMAP against Dovecot: the same mailbox, the same commands, the same client, turn by turn.

``python -m bench.imap dovecot`` (or ``postroom``) measures one server alone.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from statistics import median
from typing import TypeVar

from . import dovecot, servers
from .imap_client import Client
from .mailbag import COMMON, RARE, SUBJECT_WORD, Letter, letters
from .processes import PATIENCE, quiet, tree_memory
from .table import Row, at_least, bounded, quicker

P = TypeVar("P")
MESSAGES = 10_000
ROUNDS = 5  # of each command; the servers take turns
USER, PASSWORD = "box", "bench"
APPENDED = 300  # messages of one round
IDLERS, IDLE_ROUNDS = 500, 3
MEMORY = "memory of each of them"
THUNDERBIRD = (
    b"UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID Priority X-Priority References"
    b" Newsgroups In-Reply-To Content-Type Reply-To)])"
)
LITERAL = re.compile(rb"\{(\d+)\}\r\n")
IMAP_PLUGIN = {
    "services": [
        {
            "id": 1,
            "name": "IMAP",
            "listen": ["127.0.0.1:0"],
            "encryption": "starttls",
            "max_connections": 20_000,
            "max_connections_per_address": 20_000,
            "max_logins_per_user": 20_000,
            "max_logins_per_address": 20_000,
            "allow_plaintext_auth": True,
        }
    ]
}


@dataclass(frozen=True)
class Peer:
    """A server that is measured; ``pid`` is the first of its processes."""

    name: str
    port: int
    pid: int
    behind: Callable[[], int] = lambda: 0  # messages that it has yet to look at

    def rest(self) -> None:
        """Wait until it has done all that it does by itself. Raises RuntimeError when it does not come to an end."""
        deadline = time.monotonic() + PATIENCE
        while self.behind():
            if time.monotonic() > deadline:
                raise RuntimeError("the server does not look at its new messages")
            time.sleep(0.2)
        quiet(self.pid)

    def client(self) -> Client:
        """A session with the mailbox selected."""
        return Client(self.port).login(USER, PASSWORD)


@dataclass(frozen=True)
class Figures:
    """A measurement's figures: for each peer one of each round; less is better."""

    what: str
    rounds: list[list[float]]
    unit: str = "ms"
    goal: float = 1  # how many times quicker than the peer


def fetched(answer: bytes) -> object:
    """How many messages were answered for, and the literals in the order they came."""
    literals, position = [], 0
    while found := LITERAL.search(answer, position):
        position = found.end() + int(found[1])
        literals.append(answer[found.end() : position])
    return len(re.findall(rb"^\* \d+ FETCH ", answer, re.MULTILINE)), hash(tuple(literals))


def said(answer: bytes) -> object:
    """All that was answered, however strings are written."""
    parts, position = list[bytes](), 0
    while found := LITERAL.search(answer, position):
        end = found.end() + int(found[1])
        parts += [answer[position : found.start()], b'"%s"' % re.sub(rb'(["\\])', rb"\\\1", answer[found.end() : end])]
        position = end
    return hash(b"".join([*parts, answer[position : answer.rindex(b"\r\nt OK")]]))


def numbers(answer: bytes) -> object:
    """The hits of SEARCH or SORT, in order."""
    return re.findall(rb"\d+", answer.partition(b"\r\n")[0])


def threads(answer: bytes) -> object:
    """All of THREAD's answer."""
    return answer.partition(b"\r\n")[0]


@dataclass(frozen=True)
class Measure:
    """Commands that are timed together, what both servers must agree on, and how many times quicker is wanted."""

    what: str
    commands: tuple[bytes, ...]
    gist: Callable[[bytes], object]
    goal: float = 1


MEASURES = (
    Measure("FETCH 1:* (UID FLAGS)", (b"FETCH 1:* (UID FLAGS)",), fetched),
    Measure("FETCH 1:* ENVELOPE", (b"FETCH 1:* ENVELOPE",), said),
    Measure("FETCH 1:* BODYSTRUCTURE", (b"FETCH 1:* BODYSTRUCTURE",), said),
    Measure("the header fields that Thunderbird fetches", (THUNDERBIRD,), fetched),
    Measure("FETCH 1:1000 BODY.PEEK[]", (b"FETCH 1:1000 BODY.PEEK[]",), fetched),
    Measure("SEARCH SUBJECT", (f"SEARCH SUBJECT {SUBJECT_WORD}".encode(),), numbers),
    Measure("SEARCH TEXT, a rare word", (f"SEARCH TEXT {RARE}".encode(),), numbers, 20),
    Measure("SEARCH BODY, a word in each message", (f"SEARCH BODY {COMMON}".encode(),), numbers, 20),
    Measure("STORE 1:* +FLAGS, then -FLAGS", (rb"STORE 1:* +FLAGS (\Flagged)", rb"STORE 1:* -FLAGS (\Flagged)"), fetched),
    Measure("SORT (DATE)", (b"SORT (DATE) UTF-8 ALL",), numbers),
    Measure("THREAD REFERENCES", (b"THREAD REFERENCES UTF-8 ALL",), threads),
)


@contextlib.contextmanager
def dovecot_peer(bag: list[Letter]) -> Iterator[Peer]:
    """Dovecot with the bag in a maildir."""
    with servers.folder() as place:
        dovecot.fill(place, USER, bag)
        with dovecot.running(place, {USER: PASSWORD}) as (port, pid):
            yield Peer("Dovecot", port, pid)


@contextlib.contextmanager
def postroom_peer(bag: list[Letter]) -> Iterator[Peer]:
    """Postroom as shipped, the bag put in by MULTIAPPEND and digested."""
    with servers.postroom({"plugins": {"imap4_server": IMAP_PLUGIN}}) as server:
        assert server.process is not None
        peer = Peer("Postroom", server.ports["IMAP"], server.process.pid, servers.undigested(server))
        with peer.client() as client:
            fill(client, bag)
        peer.rest()
        yield peer


def fill(client: Client, bag: Iterable[Letter]) -> None:
    """Put messages into INBOX, a hundred at a time, with their dates."""
    letters = iter(bag)
    while some := list(islice(letters, 100)):
        client.append("INBOX", *((letter.content, letter.received) for letter in some))


def login_and_select(peer: Peer) -> float:
    """Milliseconds from the connection to the mailbox."""
    start = time.perf_counter()
    client = peer.client()
    took = time.perf_counter() - start
    client.close()
    return took * 1000


def append_one_by_one(peer: Peer, bag: list[Letter]) -> float:
    """Milliseconds for each message, acknowledged before the next one is sent."""
    with peer.client() as client:
        with contextlib.suppress(RuntimeError):  # it is there from the round before
            client.pass_over(b"CREATE Appended")
        start = time.perf_counter()
        for letter in bag[:APPENDED]:
            client.append("Appended", (letter.content, letter.received))
        return (time.perf_counter() - start) / APPENDED * 1000


def idle(peer: Peer) -> tuple[float, float]:
    """IDLERS logins into IDLE: milliseconds in all, and KB of memory for each."""
    peer.rest()
    before, start, clients = tree_memory(peer.pid), time.perf_counter(), list[Client]()
    for _ in range(IDLERS):
        clients.append(peer.client())
        clients[-1].idle()
    took = time.perf_counter() - start
    peer.rest()
    each = (tree_memory(peer.pid) - before) / IDLERS / 1024
    for client in clients:
        client.close()
    return took * 1000, each


def measured(peers: list[Peer], bag: list[Letter]) -> Iterator[Figures]:
    """All measurements. Raises RuntimeError when the peers' answers differ."""
    yield Figures("login and select", taking_turns(peers, login_and_select))
    sessions = [peer.client() for peer in peers]
    for measure in MEASURES:
        agree(measure, sessions)
        yield Figures(measure.what, taking_turns(sessions, partial(repeat, measure)), goal=measure.goal)
    for session in sessions:
        session.close()
    yield Figures("APPEND one by one, each", taking_turns(peers, partial(append_one_by_one, bag=bag)), goal=2)
    both = [[idle(peer) for _ in range(IDLE_ROUNDS)] for peer in peers]
    yield Figures(f"{IDLERS} logins into IDLE", [[took for took, _ in rounds] for rounds in both])
    yield Figures(MEMORY, [[each for _, each in rounds] for rounds in both], unit="KB")


def repeat(measure: Measure, session: Client) -> float:
    """One round of a measurement."""
    return session.timed(*measure.commands)


def agree(measure: Measure, sessions: list[Client]) -> None:
    """Warm up, and see that nobody is quick by being wrong."""
    gists = [[measure.gist(session.ask(command)) for command in measure.commands] for session in sessions]
    if any(gist != gists[0] for gist in gists):
        raise RuntimeError(f"{measure.what}: the servers' answers differ")


def taking_turns(peers: list[P], one: Callable[[P], float]) -> list[list[float]]:
    """ROUNDS figures for each peer, so that what else the machine does falls on all."""
    rounds = [[one(peer) for peer in peers] for _ in range(ROUNDS)]
    return [list(figures) for figures in zip(*rounds, strict=True)]


def comparing() -> Iterator[Row]:
    """Postroom against Dovecot."""
    bag, ratios = list(letters(MESSAGES)), list[float]()
    with dovecot_peer(bag) as theirs, postroom_peer(bag) as ours:
        for figures in measured([ours, theirs], bag):
            mine, peer = map(median, figures.rounds)
            if figures.what == MEMORY:
                yield bounded(figures.what, mine, "KB", 64, peer=f"Dovecot {peer:,.0f} KB")
                continue
            ratios.append(peer / mine)
            yield quicker(figures.what, mine, peer, figures.goal, "Dovecot")
    better = sum(ratio > 1 for ratio in ratios)
    yield at_least(f"of these {len(ratios)}, quicker than Dovecot", better, "", 10)
    yield at_least("the least of these ratios", min(ratios), "", 1 / 1.5, 2)


def main() -> None:
    """Measure the one server that is named."""
    bag = list(letters(MESSAGES))
    with {"dovecot": dovecot_peer, "postroom": postroom_peer}[sys.argv[1]](bag) as peer:
        for figures in measured([peer], bag):
            low, high = min(figures.rounds[0]), max(figures.rounds[0])
            print(f"{figures.what:50} {median(figures.rounds[0]):9.1f} {figures.unit}   ({low:.1f} to {high:.1f})", flush=True)


if __name__ == "__main__":
    main()
