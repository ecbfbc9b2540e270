"""One worker process: builds the application, listens, and ends in order."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import gevent
from gevent.event import Event
from gevent.threadpool import ThreadPool

from . import app as composition
from . import heap
from . import log as logs
from .binding import Address
from .config.schema import Config, ServiceSettings
from .discovery import PluginError
from .generation import Start
from .jobs import Jobs
from .plugins import Plugins
from .stall import BEAT, StallMonitor
from .store.database import StoreUnavailable
from .wire.access import Access
from .wire.listener import Listener

TIDY = 30.0  # seconds between two looks for memory that nobody needs
SWITCH_INTERVAL = 0.0005  # seconds: how long the hub makes the writer thread wait for the interpreter lock; see bench/


class Worker:
    """The running parts of one worker."""

    def __init__(self, config: Config, plugins: Plugins, start: Start) -> None:
        self.config, self.plugins, self.start = config, plugins, start
        self.stopping = Event()
        self.hurry = Event()  # end sessions too
        self.log = logs.get(worker=start.slot)
        self.listeners: list[Listener] = []

    def run(self) -> int:
        """Work until told to stop; the exit status. A fault at the start is one line and status 1."""
        try:
            self.app = composition.build(self.config, self.plugins, self.start.tally, self.start.slot)
            self._begin()
        except (PluginError, StoreUnavailable, ValueError) as error:
            self.log.error("worker.cannot_start", reason=str(error))
            return 1
        heap.settle()
        self.start.ready()
        self.stopping.wait()
        self._end()
        return 0

    def _begin(self) -> None:
        context = self.app.context
        gevent.signal_handler(signal.SIGTERM, self._stop, hurry=True)
        gevent.signal_handler(signal.SIGUSR1, self._stop, hurry=False)
        gevent.spawn(self._watch_supervisor)
        self._listen_for_news()
        self._watch_for_stalls()
        gevent.spawn(self._give_back_memory)
        context.directory.current()  # a database that does not answer shows here, not in the first session
        access = Access(self.config.access)
        for service in context.ask.collect("register_services"):
            sockets = [self.start.sockets[address] for address in self._addresses(service.settings)]
            self.listeners.append(
                Listener(
                    service,
                    sockets,
                    tls=context.tls,
                    access=access.decide,
                    counters=self.start.tally,
                    log=self.log,
                    metrics=context.metrics,
                )
            )
        self.app.runner.start()
        self.app.runs.start()
        self.jobs = Jobs(self.app.jobs, context.leases, self.log)
        self.jobs.start()
        context.ask.tell("worker_started")
        for listener in self.listeners:
            listener.start()

    def _end(self) -> None:
        """Accept nothing more, let sessions and deliveries finish, give back the rest."""
        for listener in self.listeners:
            listener.stop_accepting()
        for sock in self.start.sockets.values():
            sock.close()  # whoever connects to a port that is no more must be refused, not wait for us
        self.app.context.ask.tell("worker_stopping")
        self.jobs.stop()
        if not self.hurry.is_set():  # a reload: no accepted connection is cut
            self._wait_for_sessions(self.config.server.drain)
        ends = [*(listener.drain for listener in self.listeners), self._stop_sending]  # side by side: they share the time
        gevent.joinall([gevent.spawn(end, self.config.server.stop_timeout) for end in ends])
        self.app.context.news.flush()
        if self.app.gate is not None:
            self.app.gate.stop()
        self.app.context.db.close()
        self.app.context.news.close()
        self.stall.stop()

    def _stop_sending(self, seconds: float) -> None:
        """The queue first, so that a run of a connection has nothing left to wait for and can hang up."""
        runs = gevent.spawn(self.app.runs.stop, seconds)
        self.app.runner.stop(seconds)
        runs.join()

    def _wait_for_sessions(self, seconds: float) -> None:
        """Until the last session has ended by itself, the time is up, or a stop comes."""
        deadline = time.monotonic() + seconds
        while any(listener.sessions for listener in self.listeners) and time.monotonic() < deadline:
            if self.hurry.wait(0.2):
                return

    def _stop(self, *, hurry: bool) -> None:
        """A signal: stop, after the sessions that are open or (``hurry``) within seconds."""
        if hurry:
            self.hurry.set()
        self.stopping.set()

    def _addresses(self, settings: Any) -> list[Address]:
        owner = next(name for name, chosen in self.plugins.items() if any(s is settings for s in services_of(chosen.settings)))
        return [Address(owner, settings.id, listen) for listen in settings.listen]

    def _watch_supervisor(self) -> None:
        """The lifeline ends when the supervisor is gone, however it went: then this worker must not go on alone."""
        gevent.socket.wait_read(self.start.lifeline)
        self._stop(hurry=True)

    def _give_back_memory(self) -> None:
        while True:
            gevent.sleep(TIDY)
            composition.offload(heap.give_back)

    def _listen_for_news(self) -> None:
        news = self.app.context.news
        receiver = news.listen()
        self._news_watcher = gevent.get_hub().loop.io(receiver.fileno(), 1)
        self._news_watcher.start(gevent.spawn, news.receive)  # in a greenlet: whoever hears them may look into the database
        if self.app.gate is not None:
            self.app.gate.start()

    def _watch_for_stalls(self) -> None:
        sleep = gevent.monkey.get_original("time", "sleep")
        pool = ThreadPool(1)
        metrics = self.app.context.metrics

        def report(seconds: float, culprit: str, stack: str) -> None:
            self.log.warning("hub.stalled", seconds=round(seconds, 3), culprit=culprit, stack=stack)

        thread = gevent.monkey.get_original("_thread", "get_ident")()
        self.stall = StallMonitor(report, pool.spawn, sleep, lambda culprit: metrics.count("hub_stalls", culprit=culprit), thread)
        self._beat = gevent.get_hub().loop.timer(BEAT, BEAT)
        self._beat.start(self.stall.beat)
        self.stall.start()


def services_of(settings: Any) -> list[Any]:
    """Every service among a plugin's settings."""
    return [service for _, service in settings.parts(ServiceSettings)]


def work(config: Config, plugins: Plugins, start: Start) -> int:
    """A worker's whole life; returns its exit status."""
    heap.use_one()
    heap.settle()  # what came along from the supervisor stays shared with it
    start.tally.use(start.slot)
    sys.setswitchinterval(SWITCH_INTERVAL)
    logs.configure(config.log.format, config.log.level)
    os.umask(0o077)
    return Worker(config, plugins, start).run()
