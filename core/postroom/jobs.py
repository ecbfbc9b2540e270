"""Runs the regular jobs: each of all workers asks for the job's lease when it is due, and one of them gets it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gevent

from .leases import Leases
from .provided import Job
from .store.database import StoreUnavailable

MARGIN = 0.9  # a lease ends a little before the job is due again, or clocks that drift would skip every other run
LONGEST_WAIT = 60.0  # seconds until a run is tried again that the database has cut short


class Jobs:
    """The jobs of one worker. A job that takes longer than its interval keeps its lease until it has ended."""

    def __init__(self, jobs: Iterable[Job], leases: Leases, log: Any) -> None:
        self.jobs, self.leases, self.log = list(jobs), leases, log
        self._greenlets: list[gevent.Greenlet[..., Any]] = []

    def start(self) -> None:
        """Begin to look after all jobs; the first run of each is due at once."""
        self._greenlets = [gevent.spawn(self._tend, job) for job in self.jobs]

    def stop(self) -> None:
        """End all, also those that run at this moment: a job must bear being cut off."""
        gevent.killall(self._greenlets)

    def _tend(self, job: Job) -> None:
        unfinished = False  # the lease may be ours, but its work is not done
        while True:
            try:
                if self._may_run(job, unfinished):
                    unfinished = True
                    self._run(job)
                unfinished = False
            except StoreUnavailable as error:
                self.log.warning("job.postponed", job=job.name, reason=str(error))
            except (Exception, gevent.Timeout):  # a greenlet's top: one bad run does not end the job
                unfinished = False
                self.log.exception("job.failed", job=job.name)
            gevent.sleep(min(job.every, LONGEST_WAIT) if unfinished or job.every < 2 * LONGEST_WAIT else job.every / 4)

    def _may_run(self, job: Job, unfinished: bool) -> bool:
        claim = self.leases.hold if unfinished else self.leases.take
        return claim(_lease(job), job.every * MARGIN)

    def _run(self, job: Job) -> None:
        renewal = gevent.spawn(self._renew, job)
        try:
            job.run()
        finally:
            renewal.kill()

    def _renew(self, job: Job) -> None:
        while True:
            gevent.sleep(job.every * MARGIN / 2)
            try:
                self.leases.hold(_lease(job), job.every * MARGIN)
            except StoreUnavailable as error:
                self.log.warning("job.lease_not_renewed", job=job.name, reason=str(error))


def _lease(job: Job) -> str:
    """The interval is part of the name: a job whose interval becomes shorter does not wait for the end of its long lease."""
    return f"job:{job.name}:{job.every:g}"
