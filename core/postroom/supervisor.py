"""The parent process: holds the sockets, starts the workers, replaces those that die, reloads and stops.

It does no mail work and never starts gevent's hub: whatever needs the hub runs in a child. It waits with the
system's own calls (gevent has patched the usual ones by now).

Signals: TERM and INT stop, HUP reloads. To a worker it sends TERM ("finish within seconds") or USR1 ("accept nothing
more, leave when the last session has ended").
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Any

import gevent
from gevent import monkey
from gevent._hub_local import get_hub_if_exists

from . import metrics
from .binding import Address, CannotListen, Sockets, actual
from .tally import Tally

fork = monkey.get_original("os", "fork")
waitpid = monkey.get_original("os", "waitpid")

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 30.0  # seconds before a worker that died is replaced
HEALTHY_AFTER = 10.0  # seconds of life after which a worker's death starts the back-off anew
POLL = 0.25  # seconds; signals wake it at once
START_POLL = 0.01


@dataclass(frozen=True)
class Plan:
    """One generation: what a configuration asks for. ``prepare`` and ``work`` run in children and return an exit status."""

    workers: int
    addresses: tuple[Address, ...]
    names: Mapping[Address, str]  # how each is announced: "SMTP (service 1)"
    base: Path  # what relative Unix socket paths are relative to
    stop_timeout: float  # seconds that a worker has to finish after TERM
    prepare: Callable[[], int]  # database, administrator, certificate
    work: Callable[[Start], int]
    drop_privileges: Callable[[], None]


@dataclass(frozen=True)
class Start:
    """What a worker is born with."""

    slot: int
    sockets: Mapping[Address, socket]
    tally: Tally
    ready: Callable[[], None]  # call when listening
    lifeline: int  # a pipe end that reads end-of-file when the supervisor is gone


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


@dataclass
class Supervisor:
    """Runs until told to stop; ``load`` reads and checks the configuration and raises on anything wrong with it."""

    load: Callable[[], Plan]
    say: Callable[[str], None]  # one line for people on standard output
    log: Any
    sockets: Sockets = field(default_factory=Sockets)
    workers: dict[int, Worker] = field(default_factory=dict)  # by pid
    generation: int = 0
    backoff: dict[int, float] = field(default_factory=dict)  # by slot
    restart_at: dict[int, float] = field(default_factory=dict)  # by slot
    stopping: bool = False

    def run(self) -> int:
        """Serve until a signal says stop; returns the exit status. Raises what ``load`` raises, and CannotListen."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        plan = self.load()
        self.sockets.open(plan.addresses, plan.base)
        plan.drop_privileges()
        if self._child(plan.prepare) != 0:
            return 0 if self.stopping else 1
        self.tally = Tally(4 * plan.workers + 4)  # two generations, either of which may be twice as large
        self.lifeline, self._lifeline_end = os.pipe()
        if not self._start_generation(plan):
            self._stop(plan)
            return 0 if self.stopping else 1
        self._announce(plan)
        while not self.stopping:
            plan = self._tend(plan)
        self._stop(plan)
        return 0

    # --- one turn of the loop

    def _tend(self, plan: Plan) -> Plan:
        caught = signal.sigtimedwait(SIGNALS, POLL)
        if caught is not None and caught.si_signo in (signal.SIGTERM, signal.SIGINT):
            self.stopping = True
            return plan
        if caught is not None and caught.si_signo == signal.SIGHUP:
            plan = self._reload(plan)
        self._reap(plan)
        now = time.monotonic()
        for slot in [slot for slot, when in self.restart_at.items() if when <= now]:
            del self.restart_at[slot]
            self._spawn(plan, slot)
        self._collect_ready()
        return plan

    def _reload(self, plan: Plan) -> Plan:
        """Change to a new generation, or say what is wrong and keep the old one."""
        try:
            new = self.load()
            before = set(self.sockets)
            try:
                self.sockets.open(new.addresses, new.base)
                if self._child(new.prepare) != 0 or not self._start_generation(new):
                    raise CannotListen("the new workers did not start")
            except CannotListen:
                self.sockets.keep(before, plan.base)
                raise
        except Exception as error:
            self.log.error("reload.refused", reason=str(error))
            return plan
        for worker in self._of_generation(self.generation - 1):
            _kill(worker.pid, signal.SIGUSR1)
        self.sockets.keep(new.addresses, plan.base)
        self._announce(new)
        return new

    def _announce(self, plan: Plan) -> None:
        for address in plan.addresses:
            self.say(f"listening {actual(address.listen, self.sockets[address])} {plan.names[address]}")
        self.say("ready")

    # --- workers

    def _start_generation(self, plan: Plan) -> bool:
        """Start all workers of a new generation; False (and none left of it) when one of them does not get ready."""
        self.generation += 1
        used = {worker.slot for worker in self.workers.values()}
        free = [slot for slot in range(self.tally.slots) if slot not in used][: plan.workers]
        if len(free) < plan.workers:
            self.generation -= 1
            raise CannotListen(f"{len(used)} workers are still there with their last sessions; reload again when some have ended")
        self.restart_at.clear()
        for slot in free:
            self._spawn(plan, slot)
        while True:
            self._wait_for_child(START_POLL)
            self._collect_ready()
            mine = self._of_generation(self.generation)
            if len(mine) == len(free) and all(worker.ready for worker in mine):
                return True
            if self._reap_unready() or self.stopping:
                for worker in self._of_generation(self.generation):
                    _kill(worker.pid, signal.SIGKILL)
                    waitpid(worker.pid, 0)
                    self._forget(worker)
                self.generation -= 1
                return False

    def _spawn(self, plan: Plan, slot: int) -> None:
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        pid = fork()
        if pid == 0:
            os.close(read_end)
            os.close(self._lifeline_end)
            _become_child(lambda: plan.work(Start(slot, self._mine(plan), self.tally, lambda: _write(write_end), self.lifeline)))
        os.close(write_end)
        self.workers[pid] = Worker(pid, slot, self.generation, time.monotonic(), ready_fd=read_end)

    def _mine(self, plan: Plan) -> Mapping[Address, socket]:
        """In a fresh worker: the sockets of its generation. The others are closed: a port lives while any process has it open."""
        for address in set(self.sockets) - set(plan.addresses):
            self.sockets.pop(address).close()
        return self.sockets

    def _child(self, function: Callable[[], int]) -> int:
        """Run ``function`` in a child of its own and return its exit status; a signal to stop ends the child."""
        pid = fork()
        if pid == 0:
            _become_child(function)
        while True:
            done, status = waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            self._wait_for_child(START_POLL)
            if self.stopping:
                _kill(pid, signal.SIGKILL)

    def _wait_for_child(self, seconds: float) -> None:
        """Until something happens to a child; a signal to stop is noted even while others get ready."""
        caught = signal.sigtimedwait({signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}, seconds)
        if caught is not None and caught.si_signo != signal.SIGCHLD:
            self.stopping = True

    def _collect_ready(self) -> None:
        for worker in self.workers.values():
            if not worker.ready:
                with contextlib.suppress(BlockingIOError):
                    worker.ready = bool(os.read(worker.ready_fd, 1))

    def _reap_unready(self) -> bool:
        """Note the dead; True when one of the new generation died before it was ready."""
        dead = self._dead()
        return any(worker.generation == self.generation for worker in dead)

    def _reap(self, plan: Plan) -> None:
        for worker in self._dead():
            if worker.generation != self.generation:
                continue  # an old one that has drained
            lived = time.monotonic() - worker.started
            last = 0.0 if lived > HEALTHY_AFTER else self.backoff.get(worker.slot, 0.0)
            wait = self.backoff[worker.slot] = min(LONGEST_BACKOFF, max(FIRST_BACKOFF, last * 2))
            self.restart_at[worker.slot] = time.monotonic() + wait
            facts = {"slot": worker.slot, "status": worker.status, "lived_seconds": round(lived, 1), "restart_in": wait}
            self.log.error("worker.died", pid=worker.pid, **facts)

    def _dead(self) -> list[Worker]:
        dead = []
        while self.workers:
            try:
                pid, status = waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pid, status = 0, 0
            if not pid:
                break
            worker = self.workers.get(pid)
            if worker is not None:
                worker.status = os.waitstatus_to_exitcode(status)
                self._forget(worker)
                dead.append(worker)
        return dead

    def _forget(self, worker: Worker) -> None:
        self.workers.pop(worker.pid, None)
        os.close(worker.ready_fd)
        self.tally.clear(worker.slot)
        metrics.forget_process(worker.pid)

    def _of_generation(self, generation: int) -> list[Worker]:
        return [worker for worker in self.workers.values() if worker.generation == generation]

    def _stop(self, plan: Plan) -> None:
        """Ask all workers to finish; end those that take longer than they may."""
        self.sockets.keep((), plan.base)
        for pid in self.workers:
            _kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + plan.stop_timeout + 2
        while self.workers and time.monotonic() < deadline:
            signal.sigtimedwait({signal.SIGCHLD}, 0.05)
            self._dead()
        for worker in list(self.workers.values()):
            self.log.error("worker.killed", pid=worker.pid, reason="did not stop in time")
            _kill(worker.pid, signal.SIGKILL)
            waitpid(worker.pid, 0)
            self._forget(worker)


def _become_child(function: Callable[[], int]) -> None:
    """In a fresh child: run ``function`` and leave with its status; never returns."""
    status = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
        _renew_hub()
        status = function()
    except BaseException:  # the top of a process
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _renew_hub() -> None:
    """Let a hub that came along from the parent notice the fork now: it forgets what its thread pool was given before that."""
    if get_hub_if_exists() is not None:
        gevent.reinit()
        gevent.sleep(0.001)  # a whole turn of the loop


def _write(descriptor: int) -> None:
    os.write(descriptor, b"r")


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
