"""Runs of connections: one after the other over all workers and nodes, each with its dialling, its sender and its collectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from ..store.database import StoreUnavailable
from . import dialling, marks
from .letter import OUT

if TYPE_CHECKING:
    from ..leases import Leases
    from ..news import News
    from ..provided import Collector
    from .connections import Connection
    from .desk import Desk
    from .line import Line
    from .runner import Runner

LEASE_NAME = "connections"
LEASE = 60.0  # seconds; renewed three times as often
LOOK = 5.0  # seconds: news may get lost, so the wishes are looked at this often anyway
LEFT_OVER = 900_000  # milliseconds until mail that a run has left counts again: not taken, over the rate, or nobody answered the phone
WAITING = (
    "SELECT COUNT(*) FROM (SELECT DISTINCT outgoing_id FROM outgoing_recipient"
    " WHERE channel = ? AND state = 0 AND next_try > ? AND next_try <= ? LIMIT ?) AS due"
)


class Runs:
    """Fulfils the wishes for connections (``marks``) while this worker holds the lease of all runs."""

    def __init__(
        self,
        runner: Runner,
        connections: Sequence[Connection],
        collectors: Mapping[str, Collector],
        *,
        news: News,
        leases: Leases,
        log: Any,
        wish: Callable[..., None],
        paused: Callable[[], bool],
    ) -> None:
        self.runner, self.collectors = runner, collectors
        self.connections = {connection.name: connection for connection in connections}
        self.news, self.leases, self.log, self.wish, self.paused = news, leases, log, wish, paused
        self.lines: dict[str, Line] = {line.name: line for line in runner.desk.lines}
        self._sign = Event()  # "look at the wishes"
        self._counted = Event()  # "count the messages that wait"
        self._ending = Event()
        self._loops: list[gevent.Greenlet[..., Any]] = []

    @property
    def desk(self) -> Desk:
        """The queue's work in this worker."""
        return self.runner.desk

    def start(self) -> None:
        """Begin to look for wishes."""
        self.news.subscribe("connect", lambda facts: self._sign.set())
        self.news.subscribe("queue", self._on_queue)
        self._loops = [gevent.spawn(self._forever, self._fulfil, self._sign)]
        if any(connection.when_queued for connection in self.connections.values()):
            self._loops.append(gevent.spawn(self._forever, self._count, self._counted))

    def stop(self, seconds: float) -> None:
        """End the run that is under way, if there is one, and hang up."""
        self._ending.set()
        self._sign.set()
        self._counted.set()
        gevent.joinall(self._loops, timeout=seconds)
        gevent.killall(self._loops)

    def _forever(self, turn: Callable[[], None], sign: Event) -> None:
        while not self._ending.is_set():
            sign.clear()
            try:
                turn()
            except StoreUnavailable as error:
                self.log.warning("connections.store_unavailable", reason=str(error))
            except (Exception, gevent.Timeout):  # a plugin may leave a timeout behind in its hook
                self.log.exception("connections.failed")
            sign.wait(LOOK)

    # --- triggers ---

    def _on_queue(self, facts: dict[str, Any]) -> None:
        if facts.get("urgent") and facts.get("channel") == OUT:
            urgent = [name for name, connection in self.connections.items() if connection.when_urgent and not connection.immediate]
            if urgent and not self.paused():
                self.wish(urgent, "an urgent message", since=int(facts["urgent"]))  # every worker hears of it
        self._counted.set()

    def _count(self) -> None:
        """Wish for the connections for which enough messages wait."""
        now, desk = self.desk.now(), self.desk
        if self.paused():
            return
        for name, connection in self.connections.items():
            line = self.lines.get(name)
            if connection.when_queued is None or line is None or line.open:
                continue
            most = connection.when_queued
            seen = desk.db.read(lambda tx, name=name: marks.seen(tx, name))  # type: ignore[misc]
            values = (line.channel, seen if 0 <= now - seen < LEFT_OVER else -1, now, most)
            row = desk.db.read_slow(lambda tx, values=values: tx.one(WAITING, values))  # type: ignore[misc]
            if row is not None and row[0] >= most:
                self.wish([name], f"{row[0]} messages wait", again=False)
        self._ending.wait(min(1.0, LOOK))  # a burst of news is one look

    # --- wishes ---

    def _fulfil(self) -> None:
        """Run what is wished for, the oldest wish first, as long as nobody else does."""
        while not self._ending.is_set():
            waiting = self.desk.db.read(marks.wishes)
            if not waiting or not self.leases.hold(LEASE_NAME, LEASE):
                return
            try:
                with self._renewed():
                    self._run(waiting[0])
            finally:
                self.leases.release(LEASE_NAME)

    @contextmanager
    def _renewed(self) -> Iterator[None]:
        """Keep the lease while a run lasts."""
        renewal = gevent.spawn(self._renew)
        try:
            yield
        finally:
            renewal.kill()

    def _renew(self) -> None:
        while True:
            gevent.sleep(LEASE / 3)
            try:
                self.leases.hold(LEASE_NAME, LEASE)
            except StoreUnavailable as error:
                self.log.warning("connections.lease_not_renewed", reason=str(error))

    def _run(self, mark: marks.Mark) -> None:
        db, connection = self.desk.db, self.connections.get(mark.connection)
        if connection is None:  # the configuration has changed
            db.write(lambda tx: marks.forget(tx, mark.connection))
            return
        begun = db.write(lambda tx: marks.begin(tx, mark, self.desk.now()))
        if begun is None:
            return
        self.log.info("connection.started", connection=connection.name, why=mark.why)
        try:
            self._dialled(connection)
        except dialling.DialFailed as error:
            self.log.error("connection.failed", connection=connection.name, reason=str(error))
        finally:
            if not self._ending.is_set():  # else another worker does it again
                line = self.lines.get(connection.name)  # a rate gives back what it has looked at, due at that moment
                seen = begun.began if line is None or line.sender.rules.rate is None else self.desk.now()
                db.write(lambda tx: marks.end(tx, begun, seen))
        self.log.info("connection.ended", connection=connection.name)

    def _dialled(self, connection: Connection) -> None:
        """Dial, run, hang up. Raises DialFailed."""
        if connection.before:
            dialling.dial(
                connection.before, connection.name, connection.dial_timeout, connection.dial_retries, connection.dial_interval, gevent.sleep
            )
        try:
            self._work(connection)
        finally:
            if connection.after:
                dialling.run(connection.after, connection.name, connection.dial_timeout)

    def _work(self, connection: Connection) -> None:
        """Send and collect at the same time (reference section 1.1)."""
        logged_in, collected = Event(), Event()
        collecting = gevent.spawn(self._collect, connection, logged_in, collected)
        try:
            self._send(connection, logged_in, collected)
            while not collected.wait(LOOK) and not self._ending.is_set():
                pass
        finally:
            collecting.kill()

    def _collect(self, connection: Connection, logged_in: Event, collected: Event) -> None:
        try:
            for name in connection.collectors:
                reason = _collected(self.collectors[name], logged_in, connection.collect_timeout)
                if reason:
                    self.log.error("collector.failed", collector=name, connection=connection.name, reason=reason)
        finally:
            collected.set()

    def _send(self, connection: Connection, logged_in: Event, collected: Event) -> None:
        line = self.lines.get(connection.name)
        if line is None:
            return
        if line.sender.rules.wait_for_login and connection.collectors:
            while not logged_in.is_set() and not collected.is_set() and not self._ending.is_set():
                logged_in.wait(0.1)
            if not logged_in.is_set():
                self.log.warning("connection.nothing_sent", connection=connection.name, reason="no collector has logged in")
                return
        self.runner.empty(line)


def _collected(collector: Collector, logged_in: Event, seconds: float) -> str:
    """Let the collector fetch for at most so long; the reason when it has failed, else "". One that cannot be ended is left behind."""
    collecting: gevent.Greenlet[..., str] = gevent.spawn(_collect, collector, logged_in)
    try:
        collecting.join(seconds)
        return collecting.value or "" if collecting.ready() else f"took more than {seconds:g} seconds (collect_timeout) and was broken off"
    finally:
        collecting.kill(block=False)


def _collect(collector: Collector, logged_in: Event) -> str:
    try:
        collector.collect(logged_in.set)
    except gevent.GreenletExit:  # broken off
        raise
    except BaseException as error:  # a plugin's bug is only its own, and so is a timeout of gevent's that it has not caught
        return str(error) or type(error).__name__
    return ""


def collectors_of(connections: Sequence[Connection], provided: Sequence[Collector]) -> dict[str, Collector]:
    """The collectors by name. Raises ValueError when a connection names one that does not exist."""
    known = {collector.name: collector for collector in provided}
    for connection in connections:
        for name in connection.collectors:
            if name not in known:
                raise ValueError(f"connection {connection.name}: no collector {name!r}; there are: {', '.join(known) or 'none'}")
    return known
