"""Processes that end at any moment, under load: what was acknowledged is there, and the service returns by itself."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from bench.sink import Sink
from tests.faults.arrivals import CONCURRENCY, WAYS, Arrivals, three_ways, wait_for_relaying
from tests.faults.conftest import Launch, load_of
from tests.faults.lengths import rounds
from tests.nameserver import NameServer
from tests.server import Server

SETTLED_AT_ONCE = 50  # outcomes that wait for one commit at most, see queue/runner.py
WINDOW = 2.0  # seconds before a death within which an outcome may not be recorded yet
MESSAGES = 30  # acknowledged between two deaths


@pytest.fixture
def sinks() -> Iterator[dict[str, Sink]]:
    """A next hop for each way, which counts."""
    sinks = {way: Sink(messages=Arrivals()) for way in WAYS}
    yield sinks
    for sink in sinks.values():
        sink.close()


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


DEATHS: list[Callable[[Server], None]] = rounds([worker, everything, supervisor], [worker, worker, everything, worker, supervisor] * 12)


@pytest.fixture
def names() -> Iterator[NameServer]:
    """The DNS, in which the next hop is a mail server of several domains."""
    with NameServer({"elsewhere.example": {"MX": ["10 mx.elsewhere.example."]}, "mx.elsewhere.example": {"A": ["127.0.0.1"]}}) as server:
        yield server


def test_kill_9_under_load_loses_nothing(launch: Launch, sinks: dict[str, Sink], names: NameServer) -> None:
    """Each message is for a mailbox and for three next hops: it is in the one exactly once, at the others at least once."""
    server = launch(three_ways({way: sink.port for way, sink in sinks.items()}, names))
    kills: list[float] = []
    with load_of(server, "bob@example.test", *WAYS.values()) as load:
        for kill in DEATHS:
            load.run(MESSAGES)
            kills.append(time.monotonic())
            kill(server)
        load.run(MESSAGES)
    assert load.temporary(), load.replies
    copies = load.check(server.inbox("bob"))
    assert max(copies.values()) == 1, copies.most_common(3)
    for sink in sinks.values():
        wait_for_relaying(load, sink, set(copies))
        judge_duplicates(sink, kills)


def judge_duplicates(sink: Sink, kills: list[float]) -> None:
    """A message comes twice only when a worker died between the sink's 250 and the commit of the outcome (RFC 1047)."""
    arrivals = sink.messages
    assert isinstance(arrivals, Arrivals)
    twice = {token: times for token, times in arrivals.times.items() if len(times) > 1}
    for token, times in twice.items():
        for first in times[:-1]:
            assert any(first - 0.1 <= kill <= first + WINDOW for kill in kills), f"{token} came twice without a death between"
    again = sum(len(times) - 1 for times in twice.values())
    print(f"{again} duplicates of {len(arrivals.times)} messages after {len(kills)} deaths")
    assert again <= len(kills) * 2 * (CONCURRENCY + SETTLED_AT_ONCE)
