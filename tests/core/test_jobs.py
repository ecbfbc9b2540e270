"""Regular jobs: one worker of all runs each when it is due; a failing run does not end the job."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from postroom.jobs import Jobs
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
    gevent.sleep(5.5 * EVERY)
    assert 3 <= len(ran) <= 7  # once an interval, not once an interval and worker


def test_another_worker_goes_on_when_one_is_gone(started: list[Jobs], ran: list[str]) -> None:
    started[0].stop()
    gevent.sleep(3 * EVERY)
    assert ran


@pytest.mark.parametrize(("error", "event"), [(RuntimeError("bug"), "job.failed"), (StoreUnavailable("away"), "job.postponed")])
def test_a_run_that_fails_is_logged_and_the_job_goes_on(db: Database, error: Exception, event: str) -> None:
    runs: list[int] = []

    def fail() -> None:
        runs.append(1)
        raise error

    log = Log()
    jobs = Jobs([Job("failing", EVERY, fail)], Leases(db, "a"), log)
    jobs.start()
    gevent.sleep(3.5 * EVERY)
    jobs.stop()
    assert len(runs) >= 2
    assert event in log.events
