"""Workers as processes: replaced when they die, whatever else goes wrong at that moment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom import child
from postroom.binding import Sockets
from postroom.brood import Brood, CannotStart
from postroom.generation import Plan, Start


class Log:
    """Remembers events."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def error(self, event: str, **facts: Any) -> None:
        self.events.append(event)


def plan(work: Callable[[Start], int], workers: int = 1) -> Plan:
    return Plan(workers, (), {}, Path(), 1.0, lambda: 0, work, lambda: None)


def serve(start: Start) -> int:
    start.ready()
    signal.sigwait({signal.SIGUSR2})
    return 0


def fail(start: Start) -> int:
    time.sleep(0.05)
    return 1


def wait() -> bool:
    time.sleep(0.01)
    return True


GOOD = plan(serve)


@pytest.fixture
def brood() -> Iterator[Brood]:
    """One worker that is ready."""
    brood = Brood(Sockets(), 4, Log())
    brood.begin(GOOD, wait)
    yield brood
    brood.end(2.0)


def pid(brood: Brood) -> int:
    [worker] = brood.workers.values()
    return worker.pid


def until_replaced(brood: Brood, old: int) -> None:
    deadline = time.monotonic() + 10
    while not brood.workers or pid(brood) == old:
        assert time.monotonic() < deadline, "nobody took its place"
        brood.tend(GOOD)
        time.sleep(0.01)


def test_a_worker_that_dies_is_replaced(brood: Brood) -> None:
    old = pid(brood)
    os.kill(old, signal.SIGKILL)
    until_replaced(brood, old)


def test_a_reload_that_fails_does_not_forget_who_was_to_be_replaced(brood: Brood) -> None:
    old = pid(brood)
    os.kill(old, signal.SIGKILL)
    while brood.workers:
        brood.tend(GOOD)
    with pytest.raises(CannotStart):
        brood.begin(plan(fail), wait)
    until_replaced(brood, old)


def test_a_worker_that_dies_during_a_reload_that_fails_is_replaced(brood: Brood) -> None:
    old = pid(brood)
    os.kill(old, signal.SIGKILL)
    with pytest.raises(CannotStart):
        brood.begin(plan(fail), wait)
    until_replaced(brood, old)


def test_a_system_without_room_for_a_process_is_asked_again(brood: Brood, monkeypatch: pytest.MonkeyPatch) -> None:
    old = pid(brood)
    os.kill(old, signal.SIGKILL)

    def full(work: object) -> int:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(child, "begin", full)
        while "worker.not_started" not in brood.log.events:
            brood.tend(GOOD)
            time.sleep(0.01)
        with pytest.raises(CannotStart):
            brood.begin(GOOD, wait)
    until_replaced(brood, old)


def test_a_failed_generation_leaves_nothing_open(brood: Brood) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(CannotStart):
            brood.begin(plan(fail, 2), wait)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_hangup_of_the_whole_group_ends_no_worker(brood: Brood) -> None:
    """A terminal that is closed and `pkill -HUP postroom` send it to everyone; only the supervisor reloads."""
    old = pid(brood)
    os.kill(old, signal.SIGHUP)
    time.sleep(0.1)
    brood.tend(GOOD)
    assert pid(brood) == old


def test_more_workers_than_there_is_room_for_are_refused_with_the_remedy(brood: Brood) -> None:
    with pytest.raises(CannotStart, match="stop the server and start it again"):
        brood.begin(plan(serve, 9), wait)
