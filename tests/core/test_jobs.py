"""Regular jobs: one worker of all runs each when it is due; a failing run does not end the job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import gevent
import pytest

from postroom import jobs as module
from postroom.jobs import MARGIN, Jobs
from postroom.leases import Leases
from postroom.provided import Job
from postroom.store.database import Database, StoreUnavailable

EVERY = 0.1  # seconds


class Log:
    """Remembers events."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def warning(self, event: str, **facts: object) -> None:
        self.events.append(event)

    exception = warning


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for what should take a few intervals."""
    with gevent.Timeout(seconds, AssertionError("it did not happen")):
        while not condition():
            gevent.sleep(EVERY / 10)


@pytest.fixture
def ran() -> list[str]:
    return []


@pytest.fixture
def started(db: Database, ran: list[str]) -> Iterator[list[Jobs]]:
    """Two workers with the same job."""
    job = Job("count", EVERY, lambda: ran.append("run"))
    both = [Jobs([job], Leases(db, owner), Log()) for owner in ("a", "b")]
    for jobs in both:
        jobs.start()
    yield both
    for jobs in both:
        jobs.stop()


def test_one_of_two_workers_runs_a_job_when_it_is_due(started: list[Jobs], ran: list[str]) -> None:
    began = time.monotonic()
    until(lambda: len(ran) >= 6)
    took = time.monotonic() - began
    assert (len(ran) - 1) * EVERY * MARGIN <= took * 1.1  # once an interval, not once an interval and worker


def test_another_worker_goes_on_when_one_is_gone(started: list[Jobs], ran: list[str]) -> None:
    started[0].stop()
    until(lambda: bool(ran))


@pytest.mark.parametrize(("error", "event"), [(RuntimeError("bug"), "job.failed"), (StoreUnavailable("away"), "job.postponed")])
def test_a_run_that_fails_is_logged_and_the_job_goes_on(db: Database, error: Exception, event: str) -> None:
    runs: list[int] = []

    def fail() -> None:
        runs.append(1)
        raise error

    log = Log()
    jobs = Jobs([Job("failing", EVERY, fail)], Leases(db, "a"), log)
    jobs.start()
    until(lambda: len(runs) >= 2)
    jobs.stop()
    assert event in log.events


def test_a_run_that_the_database_cut_short_is_made_up_for_before_the_next_is_due(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_WAIT", EVERY)
    runs: list[int] = []

    def sometimes() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise StoreUnavailable("away")

    jobs = Jobs([Job("daily", 86400.0, sometimes)], Leases(db, "a"), Log())
    jobs.start()
    until(lambda: len(runs) >= 2)
    gevent.sleep(2 * EVERY)
    jobs.stop()
    assert len(runs) == 2


def test_a_job_whose_interval_becomes_shorter_does_not_wait_for_the_old_one(db: Database, ran: list[str]) -> None:
    for number, every in enumerate((86400.0, EVERY), 1):
        jobs = Jobs([Job("count", every, lambda: ran.append("run"))], Leases(db, "a"), Log())
        jobs.start()
        until(lambda number=number: len(ran) >= number)  # type: ignore[misc]
        jobs.stop()


def test_a_lease_that_cannot_be_renewed_now_is_renewed_later(db: Database) -> None:
    """Or another worker would begin the same job beside it."""
    leases, log, ends = Leases(db, "a"), Log(), []
    hold, failures = leases.hold, [StoreUnavailable("away")]

    def sometimes(name: str, ttl: float) -> bool:
        if failures:
            raise failures.pop()
        ends.append(name)
        return hold(name, ttl)

    leases.hold = sometimes  # type: ignore[method-assign]
    jobs = Jobs([Job("long", EVERY, lambda: gevent.sleep(5 * EVERY))], leases, log)
    jobs.start()
    until(lambda: "job.lease_not_renewed" in log.events and bool(ends))
    jobs.stop()
