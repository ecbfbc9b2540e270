"""Keeps the queue moving in one worker: greenlets around the desk. The only file of the queue that knows of gevent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from ..store.database import StoreUnavailable
from .desk import LEASE, Desk
from .line import Line

if TYPE_CHECKING:
    from ..news import News
    from .letter import Task
    from .outcome import Finished

LOOK = 5.0  # seconds: news may get lost, so the queue is looked at this often anyway
BREATH = 0.02  # seconds between two looks: a burst of news is one look
SETTLED_AT_ONCE = 50  # attempts in one transaction
PATIENCE = 10.0  # seconds at most between two tries to record an outcome


class Runner:
    """Sends what the lines of ``desk`` hold, fetches what is due, and records what came of it."""

    def __init__(self, desk: Desk, news: News, log: Any) -> None:
        self.desk, self.news, self.log = desk, news, log
        self._signs = {line.name: Event() for line in desk.lines}  # "look at this line"
        self._finished: deque[tuple[Line | None, Finished]] = deque()  # attempts whose outcome is not recorded yet
        self._to_record = Event()
        self._to_return = Event()  # somebody may have taken mail out of the queue that goes back
        self._active: dict[gevent.Greenlet[..., Any], tuple[Line, Task]] = {}
        self._cut: list[Task] = []  # attempts that were killed at the stop
        self._loops: list[gevent.Greenlet[..., Any]] = []
        self._ending = Event()

    def start(self) -> None:
        """Begin: take fresh mail from ``Queue.put``, look for due mail, listen to news."""
        self.desk.forfeit()
        self.desk.sites.start()
        self.desk.wake = self._pump
        self.desk.queue.handover = self.desk
        self.news.subscribe("queue", self._on_queue)
        self.news.subscribe("connect", self._on_queue)
        watched = [(self._watch, (line,)) for line in self.desk.lines if line.immediate]
        for loop, arguments in [*watched, (self._record, ()), (self._renew, ()), (self._bounce, ())]:
            self._loops.append(gevent.spawn(self._forever, loop, *arguments))

    def stop(self, seconds: float) -> None:
        """Take nothing more, give back what waits, let what runs finish for ``seconds``, record what is known."""
        self.desk.closed = True
        with gevent.Timeout(seconds + PATIENCE, False):  # type: ignore[arg-type]  # False: just leave the block
            tasks = [task for line in self.desk.lines for task in line.clear()]
            self._try("give_back", lambda: self.desk.give_back(tasks))
            gevent.joinall(list(self._active), timeout=seconds)
            gevent.killall(list(self._active))
            unfinished = self._cut + [task for _, task in self._active.values()]  # those still active had not begun
            self._try("give_back", lambda: self.desk.give_back(unfinished))
            self._try("probes", self.desk.sites.leave)
            while self._finished:  # the recorder is at work; what it cannot record in time is sent again when the lease ends
                gevent.sleep(BREATH)
            self._ending.set()
            for sign in (*self._signs.values(), self._to_record, self._to_return):
                sign.set()
            gevent.joinall(self._loops, timeout=BREATH * 50)  # not killed in the middle of a read or write if it can be helped
        gevent.killall(self._loops)

    def empty(self, line: Line) -> None:
        """Send until nothing is due, for a run of a connection that is not permanent; one that is just looks at the queue."""
        sign = self._signs[line.name]
        if line.immediate:
            sign.set()
            return
        line.run_started, line.open = self.desk.now(), True
        try:
            while not self.desk.closed:
                sign.clear()
                more = self.desk.fetch(line)
                self._pump(line)
                if not more and not line.held:
                    return
                sign.wait(BREATH if more and line.free else LOOK)
        finally:
            line.open, line.run_started = False, 0
            self.desk.rest(line)

    # --- attempts ---

    def _pump(self, line: Line) -> None:
        if self.desk.closed:  # came in while the stop had begun
            tasks = line.clear()
            self._try("give_back", lambda: self.desk.give_back(tasks))
        while (task := line.next()) is not None:
            greenlet = gevent.spawn(self._work, line, task)
            self._active[greenlet] = (line, task)

    def _work(self, line: Line, task: Task | None) -> None:
        me: Any = gevent.getcurrent()
        try:
            while task is not None:
                self._active[me] = (line, task)
                try:
                    finished = self.desk.attempt(line, task)
                except gevent.GreenletExit:
                    self._cut.append(task)
                    return
                finally:
                    line.done(task)
                if finished is None:
                    line.forget(task)
                else:
                    self._finished.append((line, finished))
                    self._to_record.set()
                task = line.next()
        finally:
            self._active.pop(me, None)

    # --- loops ---

    def _forever(self, loop: Callable[..., None], *arguments: Any) -> None:
        """A greenlet's top: a loop that fails is logged and starts again."""
        while not self._ending.is_set():
            try:
                loop(*arguments)
            except StoreUnavailable as error:
                self.log.warning("queue.store_unavailable", reason=str(error))
            except (Exception, gevent.Timeout):  # a plugin may leave a timeout behind in its hook
                self.log.exception("queue.loop_failed")
            self._ending.wait(1.0)

    def _watch(self, line: Line) -> None:
        sign = self._signs[line.name]
        while not self._ending.is_set():
            sign.clear()
            more = self.desk.fetch(line)
            self._pump(line)
            if line.quiet:
                self.desk.rest(line)
            self._ending.wait(BREATH)
            if not more and not self._ending.is_set():
                due = self.desk.next_due(line) if line.free else None
                sign.wait(LOOK if due is None else max(BREATH, min(due, LOOK)))

    def _record(self) -> None:
        delay, alone = 0.0, 0  # alone: how many are still to be recorded one by one, to find the one that cannot be
        while not self._ending.is_set():
            if not self._finished:  # else this loop was broken off
                self._to_record.wait()
            self._to_record.clear()
            while self._finished:
                count = min(1 if alone else SETTLED_AT_ONCE, len(self._finished))
                batch = [self._finished[index] for index in range(count)]  # they stay there until they are recorded
                alone = max(0, alone - 1)
                if self._settle(batch):
                    for _ in batch:
                        self._finished.popleft()
                    delay = 0.0
                    continue
                self._finished.rotate(-count)
                alone = max(alone, count) if count > 1 else alone
                delay = min(PATIENCE, delay * 2 or 0.1)
                gevent.sleep(delay)

    def _settle(self, batch: list[tuple[Line | None, Finished]]) -> bool:
        """False when it must be tried again: never sent again by this process, never forgotten."""
        try:
            self.desk.settle([finished for _, finished in batch])
        except StoreUnavailable as error:
            self.log.warning("queue.outcome_not_recorded", attempts=len(batch), reason=str(error))
            return False
        except Exception:
            self.log.exception("queue.outcome_not_recorded", attempts=len(batch))
            return False
        for line, finished in batch:
            if line is not None:
                line.forget(finished.task)
                if line.free > line.room // 2 or line.quiet:
                    self._signs[line.name].set()
        return True

    def _renew(self) -> None:
        while not self._ending.wait(LEASE / 3):
            self.desk.renew()
            self.desk.sites.refresh()

    def _bounce(self) -> None:
        while not self._ending.is_set():
            self._to_return.clear()
            for finished in self.desk.bounces():
                self._finished.append((None, finished))
                self._to_record.set()
            self._to_return.wait(LOOK)

    def _on_queue(self, facts: dict[str, Any]) -> None:
        if "channel" not in facts:  # a command; fresh mail, which has one, is far more frequent
            self._to_return.set()
        for line in self.desk.lines:
            if line.channel == facts.get("channel", line.channel):
                self._signs[line.name].set()

    def _try(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except StoreUnavailable as error:  # their leases end by themselves
            self.log.warning("queue.not_given_back", what=what, reason=str(error))
