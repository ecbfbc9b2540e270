"""Runs the regular jobs: each of all workers asks for the job's lease when it is due, and one of them gets it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gevent

from .leases import Leases
from .provided import Job
from .store.database import StoreUnavailable

MARGIN = 0.9  # a lease ends a little before the job is due again, or clocks that drift would skip every other run


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
        while True:
            try:
                if self.leases.take(f"job:{job.name}", job.every * MARGIN):
                    self._run(job)
            except StoreUnavailable as error:
                self.log.warning("job.postponed", job=job.name, reason=str(error))
            gevent.sleep(min(job.every, 60.0) if job.every < 120 else job.every / 4)

    def _run(self, job: Job) -> None:
        renewal = gevent.spawn(self._renew, job)
        try:
            job.run()
        except StoreUnavailable:
            raise
        except Exception:  # a greenlet's top: one bad run does not end the job
            self.log.exception("job.failed", job=job.name)
        finally:
            renewal.kill()

    def _renew(self, job: Job) -> None:
        while True:
            gevent.sleep(job.every * MARGIN / 2)
            self.leases.hold(f"job:{job.name}", job.every * MARGIN)
