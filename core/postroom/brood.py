"""The workers of all generations: started, replaced when they die, retired after a reload, ended at the stop."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from socket import socket
from typing import Any

from . import child, metrics
from .binding import Address, Sockets
from .generation import Plan, Start
from .tally import Tally

FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 30.0  # seconds before a worker that died is replaced
HEALTHY_AFTER = 10.0  # seconds of life after which a worker's death starts the back-off anew


class CannotStart(Exception):
    """A generation of workers did not get ready, and none of it is left; the text says why."""


@dataclass
class Worker:
    """A running worker."""

    pid: int
    slot: int
    generation: int
    started: float
    ready: bool = False
    ready_fd: int = -1
    status: int = 0  # when it has ended: its exit status, or minus the signal that ended it


class Brood:
    """``most``: workers of one generation that there is room for beside the one before it."""

    def __init__(self, sockets: Sockets, most: int, log: Any) -> None:
        self.sockets, self.log = sockets, log
        self.tally = Tally(2 * most)
        self.workers: dict[int, Worker] = {}  # by pid
        self.generation = 0
        self._backoff: dict[int, float] = {}  # by slot
        self._restart_at: dict[int, float] = {}  # by slot
        self._lifeline, self._lifeline_end = os.pipe()

    def begin(self, plan: Plan, wait: Callable[[], bool]) -> None:
        """Start a new generation and wait until all of it is ready; ``wait`` is False when it is not worth waiting longer.

        Raises CannotStart when one of it dies before that; whatever the generation before needs is then done for it as ever.
        """
        slots = self._free_slots(plan.workers)
        pending, self._restart_at = self._restart_at, {}
        self.generation += 1
        fallen: list[Worker] = []
        try:
            for slot in slots:
                self._spawn(plan, slot)
            while not all(worker.ready for worker in self._present()):
                worth = wait()
                fallen += self._gone()
                self._hear()
                if not worth or any(worker.generation == self.generation for worker in fallen):
                    raise CannotStart("the new workers did not start")
        except (CannotStart, OSError) as error:
            for worker in self._present():
                child.end(worker.pid)
                self._forget(worker)
            self.generation -= 1
            self._restart_at = pending
            self._mourn(fallen)
            raise CannotStart(str(error)) from error

    def tend(self, plan: Plan) -> None:
        """Note who has died, start whose time has come, hear who is ready."""
        self._mourn(self._gone())
        now = time.monotonic()
        for slot in [slot for slot, when in self._restart_at.items() if when <= now]:
            del self._restart_at[slot]
            try:
                self._spawn(plan, slot)
            except OSError as error:  # no memory, too many processes: that may pass
                self.log.error("worker.not_started", slot=slot, reason=str(error), restart_in=self._again(slot))
        self._hear()

    def retire(self) -> None:
        """Let every generation but the newest leave when its last session has ended."""
        for worker in self.workers.values():
            if worker.generation != self.generation:
                child.send(worker.pid, signal.SIGUSR1)

    def end(self, seconds: float) -> None:
        """Ask all to finish; kill those that take longer."""
        for pid in self.workers:
            child.send(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.workers and time.monotonic() < deadline:
            signal.sigtimedwait({signal.SIGCHLD}, 0.05)
            self._gone()
        for worker in list(self.workers.values()):
            self.log.error("worker.killed", pid=worker.pid, reason="did not stop in time")
            child.end(worker.pid)
            self._forget(worker)

    def _free_slots(self, wanted: int) -> list[int]:
        used = {worker.slot for worker in self.workers.values()}
        free = [slot for slot in range(self.tally.slots) if slot not in used][:wanted]
        if len(free) == wanted:
            return free
        if wanted > self.tally.slots // 2:
            raise CannotStart(f"server.workers: {wanted} are more than a reload has room for; stop the server and start it again")
        raise CannotStart(f"{len(used)} workers are still there with their last sessions; reload again when some have ended")

    def _spawn(self, plan: Plan, slot: int) -> None:
        """Raises OSError when the system has no room for another process."""
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)

        def work() -> int:
            child.close(read_end)
            child.close(self._lifeline_end)
            return plan.work(Start(slot, self._inherited(plan), self.tally, lambda: _write(write_end), self._lifeline))

        try:
            pid = child.begin(work)
        except OSError:
            child.close(read_end)
            raise
        finally:
            child.close(write_end)
        self.workers[pid] = Worker(pid, slot, self.generation, time.monotonic(), ready_fd=read_end)

    def _inherited(self, plan: Plan) -> Mapping[Address, socket]:
        """In a fresh worker: the sockets of its generation. The others are closed: a port lives while any process has it open."""
        for address in set(self.sockets) - set(plan.addresses):
            self.sockets.pop(address).close()
        return self.sockets

    def _present(self) -> list[Worker]:
        return [worker for worker in self.workers.values() if worker.generation == self.generation]

    def _hear(self) -> None:
        for worker in self.workers.values():
            if not worker.ready:
                with contextlib.suppress(BlockingIOError):
                    worker.ready = bool(os.read(worker.ready_fd, 1))

    def _gone(self) -> list[Worker]:
        gone = []
        while self.workers and (found := child.finished(-1)) is not None:
            worker = self.workers.get(found[0])
            if worker is not None:
                worker.status = found[1]
                self._forget(worker)
                gone.append(worker)
        return gone

    def _mourn(self, gone: list[Worker]) -> None:
        """Plan to replace those of the newest generation; the others have drained."""
        for worker in gone:
            if worker.generation != self.generation:
                continue
            lived = time.monotonic() - worker.started
            if lived > HEALTHY_AFTER:
                self._backoff.pop(worker.slot, None)
            facts = {"slot": worker.slot, "status": worker.status, "lived_seconds": round(lived, 1)}
            self.log.error("worker.died", pid=worker.pid, **facts, restart_in=self._again(worker.slot))

    def _again(self, slot: int) -> float:
        """Plan another start for the slot; seconds until then."""
        wait = self._backoff[slot] = min(LONGEST_BACKOFF, max(FIRST_BACKOFF, self._backoff.get(slot, 0.0) * 2))
        self._restart_at[slot] = time.monotonic() + wait
        return wait

    def _forget(self, worker: Worker) -> None:
        self.workers.pop(worker.pid, None)
        child.close(worker.ready_fd)
        self.tally.clear(worker.slot)
        metrics.forget_process(str(worker.slot))


def _write(descriptor: int) -> None:
    os.write(descriptor, b"r")
