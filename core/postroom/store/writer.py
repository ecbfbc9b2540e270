"""Group commit: one native thread gathers the writes that wait, runs them in one transaction, commits once, wakes all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Protocol, TypeVar

from gevent.monkey import get_original

from .database import BATCH, TURN_SECONDS, StoreUnavailable, Tx
from .handover import Bell, Bells, Ticket

T = TypeVar("T")
IDLE_SECONDS = 1.0  # after so long without a write the engine may tidy up


class Engine(Protocol):
    """The database side of the writer; every method is called on the writer thread only."""

    def commit(self, batch: list[Ticket]) -> None:
        """Run the functions of ``batch`` and commit; sets ``result`` or ``error`` of each. Must not raise."""

    def after(self, idle: bool) -> None:
        """Called after each batch when its waiters are awake, and with ``idle`` when nothing has come for a while."""

    def close(self) -> None:
        """Give back whatever is open."""


class GroupWriter:
    """A queue of tickets and the thread that serves it; the thread starts with the first write."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._bells = Bells()
        self._waiting: deque[Ticket] = deque()
        allocate = get_original("_thread", "allocate_lock")
        self._lock = allocate()  # guards the fields around it; held for microseconds
        self._wake = allocate()  # held while the writer has nothing to do
        self._wake.acquire()
        self._asleep = False
        self._due = False  # somebody waits who wants to wait no longer
        self._running = False
        self._closing = False
        self._ended = allocate()

    def write(self, fn: Callable[[Tx], T], keys: Sequence[int], locks: Sequence[int] = ()) -> T:
        """Queue ``fn``, wait for its commit, return its result or raise its error."""
        bell = self._bells.here()
        ticket = Ticket(fn, keys, self, bell, locks)
        bell.prepare(ticket)
        self._submit(ticket)
        bell.wait(ticket)
        if ticket.error is not None:
            raise ticket.error
        result: T = ticket.result
        return result

    def expire(self, ticket: Ticket) -> None:
        """Fail a ticket that has waited for its turn longer than allowed."""
        if monotonic() - ticket.born > TURN_SECONDS:
            self._take_back(ticket, StoreUnavailable(f"the database was busy for {TURN_SECONDS:.0f} s"))

    def cancel(self, ticket: Ticket) -> None:
        """Drop a ticket whose caller has left, if it is not begun."""
        self._take_back(ticket, StoreUnavailable("nobody waits for this write any more"))

    def close(self) -> None:
        """Commit what waits, then end the thread. Blocks; later writes raise StoreUnavailable."""
        with self._lock:
            self._closing = True
            running = self._running
            self._rouse()
        if running:
            self._ended.acquire()
            self._ended.release()

    def _submit(self, ticket: Ticket) -> None:
        if not self._enqueue(ticket):
            ticket.error = StoreUnavailable("the database is closed")
            ticket.bell.finished([ticket])
            return
        ticket.bell.soon(self._begin)

    def _enqueue(self, ticket: Ticket) -> bool:
        with self._lock:
            if self._closing:
                return False
            self._waiting.append(ticket)
            if not self._running:
                self._running = True
                self._ended.acquire()
                get_original("_thread", "start_new_thread")(self._run, ())
        return True

    def _begin(self) -> None:
        """Enough company has come: serve all that waits."""
        with self._lock:
            self._rouse()

    def _rouse(self) -> None:
        self._due = True
        if self._asleep:
            self._asleep = False
            self._wake.release()

    def _take_back(self, ticket: Ticket, error: StoreUnavailable) -> None:
        with self._lock:
            try:
                self._waiting.remove(ticket)
            except ValueError:
                return  # begun: its commit decides
        ticket.error = error
        ticket.bell.finished([ticket])

    def _run(self) -> None:
        try:
            while self._serve():
                pass
        finally:
            self._engine.close()
            self._ended.release()

    def _serve(self) -> bool:
        with self._lock:
            count = min(BATCH, len(self._waiting)) if self._due else 0
            batch = [self._waiting.popleft() for _ in range(count)]
            self._due = bool(self._waiting) and self._due
            over = not batch and self._closing
            self._asleep = not batch and not over
        if batch:
            self._commit(batch)
            ring(batch)
            self._engine.after(idle=False)
        elif not over and not self._wake.acquire(True, IDLE_SECONDS):
            self._engine.after(idle=True)
            self._wake.acquire()
        return not over

    def _commit(self, batch: list[Ticket]) -> None:
        try:
            self._engine.commit(batch)
        except BaseException as error:  # it must not raise; if it does (no memory), those who wait must hear of it and the thread must live
            fail(batch, StoreUnavailable(f"the database failed: {error!r}"))


def ring(batch: list[Ticket]) -> None:
    """Wake the waiters of ``batch``: one call for each thread that waits."""
    bells: dict[Bell, list[Ticket]] = {}
    for ticket in batch:
        bells.setdefault(ticket.bell, []).append(ticket)
    for bell, tickets in bells.items():
        bell.finished(tickets)


def fail(batch: Sequence[Ticket], error: StoreUnavailable) -> None:
    """Nothing of ``batch`` is committed: everyone whose own function did not fail gets a copy of ``error``."""
    for ticket in batch:
        if ticket.error is None:
            ticket.error = StoreUnavailable(*error.args)


def perform(ticket: Ticket, tx: Any) -> bool:
    """Run a ticket's function; False when it raised, with the exception kept for its caller."""
    try:
        ticket.result = ticket.fn(tx)
        ticket.error = None
    except BaseException as error:
        ticket.result = None
        ticket.error = error
        return False
    return True
