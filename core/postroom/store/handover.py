"""Brings results from the writer thread back to those who wait: greenlets of any hub, or plain threads."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Protocol, TypeVar

from gevent._hub_local import get_hub_if_exists
from gevent.hub import Hub, Waiter
from gevent.monkey import get_original
from gevent.threadpool import ThreadPool

from .database import Tx

T = TypeVar("T")
GATHER_SECONDS = 0.004  # the most that a write waits for company while its hub has other work; see docs/decisions/0006
LOOK_SECONDS = 1.0  # how often those who wait look whether they have waited too long


def elsewhere(pool: ThreadPool, fn: Callable[..., T], *arguments: Any) -> T:
    """Run ``fn`` on a thread of ``pool``; other greenlets go on. What it raises is raised here, and here only: a pool prints it as well."""

    def run() -> tuple[list[T], Exception | None]:
        try:
            return [fn(*arguments)], None
        except Exception as error:
            return [], error

    results, error = pool.apply(run)
    if error is not None:
        raise error
    return results[0]


class Owner(Protocol):
    """The writer, as those who wait see it. Both calls end in ``Bell.finished`` when the ticket was not begun, else in nothing."""

    def expire(self, ticket: Ticket) -> None:
        """Give up a ticket that has waited too long for its turn."""

    def cancel(self, ticket: Ticket) -> None:
        """Nobody waits for this ticket any more."""


class Bell(Protocol):
    """Where one thread waits for its tickets."""

    def prepare(self, ticket: Ticket) -> None:
        """Get ready to wait; called before the writer can see the ticket."""

    def soon(self, rouse: Callable[[], None]) -> None:
        """Call ``rouse`` when this thread has nothing else to do, or after GATHER_SECONDS: what is written meanwhile shares the commit."""

    def wait(self, ticket: Ticket) -> None:
        """Sleep until the ticket is finished."""

    def finished(self, tickets: list[Ticket]) -> None:
        """Wake those who wait; called on the writer thread, after the commit."""


class Ticket:
    """One write: what to do, for whom, and what became of it."""

    __slots__ = ("bell", "born", "error", "fn", "keys", "locks", "owner", "result", "waiter")

    def __init__(self, fn: Callable[[Tx], Any], keys: Sequence[int], owner: Owner, bell: Bell, locks: Sequence[int] = ()) -> None:
        self.fn = fn
        self.keys = keys
        self.locks = locks
        self.owner = owner
        self.bell = bell
        self.born = monotonic()
        self.result: Any = None
        self.error: BaseException | None = None
        self.waiter: Any = None


class ThreadBell:
    """For a thread without a hub: each ticket has a native lock, held until it is done."""

    def __init__(self) -> None:
        self._allocate = get_original("_thread", "allocate_lock")

    def prepare(self, ticket: Ticket) -> None:
        """Make the ticket's lock and hold it."""
        ticket.waiter = self._allocate()
        ticket.waiter.acquire()

    def soon(self, rouse: Callable[[], None]) -> None:
        """At once: the thread will block."""
        rouse()

    def wait(self, ticket: Ticket) -> None:
        """Block the thread until the lock is given back."""
        while not ticket.waiter.acquire(True, LOOK_SECONDS):
            ticket.owner.expire(ticket)

    def finished(self, tickets: list[Ticket]) -> None:
        """Give the locks back."""
        for ticket in tickets:
            ticket.waiter.release()


class HubBell:
    """For the greenlets of one hub: one async watcher wakes the hub once for a whole batch."""

    def __init__(self, hub: Hub) -> None:
        self._hub: weakref.ref[Hub] = weakref.ref(hub)
        self._done: deque[list[Ticket]] = deque()
        self._pending: set[Ticket] = set()
        self._watcher: Any = hub.loop.async_()
        self._timer: Any = hub.loop.timer(LOOK_SECONDS, LOOK_SECONDS, ref=False)
        self._idle: Any = hub.loop.idle()  # runs when no event is waiting to be handled
        self._latest: Any = hub.loop.timer(GATHER_SECONDS)
        self._gathering = False

    def prepare(self, ticket: Ticket) -> None:
        """Listen for the writer. The watcher runs, and so keeps the event loop alive, only while somebody waits."""
        if not self._pending:
            self._watcher.start(self._drain)
            self._timer.start(self._look)
        self._pending.add(ticket)
        ticket.waiter = Waiter(self._hub())

    def soon(self, rouse: Callable[[], None]) -> None:
        """When the hub is idle, or after GATHER_SECONDS: a commit costs the same for one write as for twenty."""
        if not self._gathering:
            self._gathering = True
            self._idle.start(self._gathered, rouse)
            self._latest.start(self._gathered, rouse)

    def _gathered(self, rouse: Callable[[], None]) -> None:
        self._gathering = False
        self._idle.stop()
        self._latest.stop()
        rouse()

    def wait(self, ticket: Ticket) -> None:
        """Switch to the hub until the ticket is done; a greenlet that is killed here takes a write back that is not begun."""
        try:
            ticket.waiter.get()
        except BaseException:
            ticket.owner.cancel(ticket)
            raise

    def finished(self, tickets: list[Ticket]) -> None:
        """Hand the tickets over to the hub's thread and wake it: the one call of libev that is allowed from other threads."""
        self._done.append(tickets)
        self._watcher.send()

    def _drain(self) -> None:
        while self._done:
            for ticket in self._done.popleft():
                self._pending.discard(ticket)
                ticket.waiter.switch(None)
        if not self._pending:
            self._watcher.stop()
            self._timer.stop()

    def _look(self) -> None:
        for ticket in list(self._pending):
            ticket.owner.expire(ticket)


class Bells:
    """Finds the bell of the calling thread."""

    def __init__(self) -> None:
        self._thread = ThreadBell()
        self._hubs: weakref.WeakKeyDictionary[Hub, HubBell] = weakref.WeakKeyDictionary()

    def here(self) -> Bell:
        """The hub's bell where this thread has a hub (its greenlets go on meanwhile), else one that blocks the thread."""
        hub = get_hub_if_exists()
        if hub is None:
            return self._thread
        bell = self._hubs.get(hub)
        if bell is None:
            bell = self._hubs[hub] = HubBell(hub)
        return bell
