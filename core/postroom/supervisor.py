"""The parent process: holds the sockets, has workers started and replaced, reloads and stops.

It does no mail work and never starts gevent's hub: whatever needs the hub runs in a child. It waits with the
system's own calls (gevent has patched the usual ones by now).

Signals: TERM and INT stop, HUP reloads. To a worker it sends TERM ("finish within seconds") or USR1 ("accept nothing
more, leave when the last session has ended").
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import child
from .binding import CannotListen, Sockets, actual
from .brood import Brood, CannotStart
from .child import SIGNALS
from .generation import Plan

POLL = 0.25  # seconds; signals wake it at once
START_POLL = 0.01
GRACE = 2.0  # seconds that a worker may take to end beyond what it was given


@dataclass
class Supervisor:
    """Runs until told to stop; ``load`` reads and checks the configuration and raises on anything wrong with it."""

    load: Callable[[], Plan]
    say: Callable[[str], None]  # one line for people on standard output
    log: Any
    sockets: Sockets = field(default_factory=Sockets)
    stopping: bool = False

    def run(self) -> int:
        """Serve until a signal says stop; returns the exit status. Raises what ``load`` raises, and CannotListen."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        plan = self.load()
        self.sockets.open(plan.addresses, plan.base)
        plan.drop_privileges()
        if self._prepared(plan) != 0:
            return 0 if self.stopping else 1
        self.brood = Brood(self.sockets, 2 * plan.workers + 2, self.log)  # a reload may ask for twice as many
        try:
            self.brood.begin(plan, self._wait)
        except CannotStart:  # the worker has said why
            self._stop(plan)
            return 0 if self.stopping else 1
        self._announce(plan)
        while not self.stopping:
            plan = self._turn(plan)
        self._stop(plan)
        return 0

    def _turn(self, plan: Plan) -> Plan:
        caught = signal.sigtimedwait(SIGNALS, POLL)
        if caught is not None and caught.si_signo in (signal.SIGTERM, signal.SIGINT):
            self.stopping = True
            return plan
        if caught is not None and caught.si_signo == signal.SIGHUP:
            plan = self._reload(plan)
        self.brood.tend(plan)
        return plan

    def _reload(self, plan: Plan) -> Plan:
        """Change to a new generation, or say what is wrong and keep the old one."""
        before = set(self.sockets)
        try:
            new = self.load()
            self.sockets.open(new.addresses, new.base)
            if self._prepared(new) != 0:
                raise CannotStart("the new configuration cannot be worked with")
            self.brood.begin(new, self._wait)
        except Exception as error:
            self.sockets.keep(before, plan.base)
            self.log.error("reload.refused", reason=str(error))
            return plan
        self.brood.retire()
        self.sockets.keep(new.addresses, plan.base)
        self._announce(new)
        return new

    def _announce(self, plan: Plan) -> None:
        for address in plan.addresses:
            self.say(f"listening {actual(address.listen, self.sockets[address])} {plan.names[address]}")
        self.say("ready")

    def _prepared(self, plan: Plan) -> int:
        """The exit status of ``plan.prepare`` in a child; a signal to stop ends the child. Raises CannotListen when there is no room."""
        try:
            pid = child.begin(plan.prepare)
        except OSError as error:
            raise CannotListen(f"the system has no room for another process: {error}") from error
        while (found := child.finished(pid)) is None:
            if not self._wait():
                child.send(pid, signal.SIGKILL)
        return found[1]

    def _wait(self) -> bool:
        """Until something happens to a child; a signal to stop is noted even while others get ready. False when we stop."""
        caught = signal.sigtimedwait({signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}, START_POLL)
        if caught is not None and caught.si_signo != signal.SIGCHLD:
            self.stopping = True
        return not self.stopping

    def _stop(self, plan: Plan) -> None:
        """Close the ports, ask all workers to finish, end those that take longer than they may."""
        self.sockets.keep((), plan.base)
        self.brood.end(plan.stop_timeout + GRACE)
