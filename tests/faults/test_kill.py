"""Processes that end at any moment, under load: what was acknowledged is there, and the service returns by itself."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from bench.sink import Sink, Taken
from tests.faults.conftest import Launch, load_of
from tests.faults.lengths import rounds
from tests.faults.load import TOKEN, Load
from tests.server import Server

CONCURRENCY = 5  # connections of a worker to the next hop
SETTLED_AT_ONCE = 50  # outcomes that wait for one commit at most, see queue/runner.py
WINDOW = 2.0  # seconds before a death within which an outcome may not be recorded yet
MESSAGES = 40  # acknowledged between two deaths


class Arrivals(list[Taken]):
    """What the sink has got, with times."""

    def __init__(self) -> None:
        super().__init__()
        self.times: dict[str, list[float]] = {}

    def append(self, taken: Taken) -> None:
        """Note the time as well."""
        match = TOKEN.search(taken.content)
        assert match is not None
        self.times.setdefault(match[1].decode(), []).append(time.monotonic())
        super().append(taken)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A next hop that counts."""
    sink = Sink(messages=Arrivals())
    yield sink
    sink.close()


def relaying(sink: Sink) -> dict[str, object]:
    """Two workers that send other domains' mail to the sink."""
    sender = {"name": "Sink", "servers": [f"127.0.0.1:{sink.port}"], "encryption": "none", "concurrency": CONCURRENCY}
    return {
        "server": {"workers": 2, "stop_timeout": "2s"},
        "plugins": {"smtp_relay": {"senders": [sender]}},
        "connections": [{"name": "Internet", "sender": "Sink", "default": True, "immediate": True}],
    }


def worker(server: Server) -> None:
    """One worker dies; the supervisor replaces it."""
    workers = server.workers()
    if workers:
        os.kill(random.choice(workers), signal.SIGKILL)


def supervisor(server: Server) -> None:
    """The supervisor dies, its workers end by themselves, and what watches over the service starts it again."""
    assert server.process is not None
    workers = server.workers()
    server.process.kill()
    server.process.wait(10)
    deadline = time.monotonic() + 15
    while any(os.path.exists(f"/proc/{pid}") for pid in workers):
        assert time.monotonic() < deadline, "workers without a supervisor go on"
        time.sleep(0.02)
    server.start()


def everything(server: Server) -> None:
    """All processes die at once."""
    server.kill()
    server.start()


DEATHS: list[tuple[Callable[[Server], None], int]] = [(worker, rounds(4, 60)), (everything, rounds(1, 20)), (supervisor, rounds(1, 10))]


def test_kill_9_under_load_loses_nothing(launch: Launch, sink: Sink) -> None:
    """Each message is for a mailbox and for the next hop: it is in the one exactly once, at the other at least once."""
    server = launch(relaying(sink))
    kills: list[float] = []
    with load_of(server, "bob@example.test", "zoe@elsewhere.example") as load:
        for kill, times in DEATHS:
            for _ in range(times):
                load.run(MESSAGES)
                kills.append(time.monotonic())
                kill(server)
        load.run(MESSAGES)
    assert load.temporary(), load.replies
    copies = load.check(server.inbox("bob"))
    assert max(copies.values()) == 1, copies.most_common(3)
    began = time.monotonic()
    wait_for_relaying(load, sink, set(copies))
    print("relayed after", time.monotonic() - began)
    judge_duplicates(sink, kills)


def wait_for_relaying(load: Load, sink: Sink, wanted: set[str], seconds: float = 90.0) -> None:
    """What was accepted reaches the next hop: mail of the dead is taken over."""
    deadline = time.monotonic() + seconds
    arrivals = sink.messages
    assert isinstance(arrivals, Arrivals)
    while wanted - set(arrivals.times):
        assert time.monotonic() < deadline, f"{len(wanted - set(arrivals.times))} of {len(wanted)} were never relayed"
        time.sleep(0.05)
    load.check(taken.content for taken in arrivals)


def judge_duplicates(sink: Sink, kills: list[float]) -> None:
    """A message comes twice only when a worker died between the sink's 250 and the commit of the outcome (RFC 1047)."""
    arrivals = sink.messages
    assert isinstance(arrivals, Arrivals)
    twice = {token: times for token, times in arrivals.times.items() if len(times) > 1}
    for token, times in twice.items():
        for first, _ in zip(times, times[1:], strict=False):
            assert any(first - 0.1 <= kill <= first + WINDOW for kill in kills), f"{token} came twice without a death between"
    again = sum(len(times) - 1 for times in twice.values())
    print(f"{again} duplicates of {len(arrivals.times)} messages after {len(kills)} deaths")
    assert again <= len(kills) * 2 * (CONCURRENCY + SETTLED_AT_ONCE)
