"""The job that digests new messages: it waits for news of mailboxes, works in small slices, and rests in between while mail comes in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from postroom.provided import Job
from postroom.store.digest import Digester

if TYPE_CHECKING:
    from postroom.context import Context

EVERY = 60.0  # seconds until another worker takes over, and until we look without news
SETTLE = 1.0  # seconds without news until we begin: messages often come several at a time, and accepting them comes first
PATIENCE = 30.0  # seconds until we begin in any case
BUSY = 5.0  # seconds after news during which mail counts as coming in
REST_WHILE_BUSY, REST = 3.0, 0.25  # how long we rest, in times of how long we have worked


class Digesting:
    """The job of one worker. It does not end by itself: whoever has the lease keeps it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._news = Event()
        self._heard = 0.0  # time.monotonic of the last news
        context.news.subscribe("mailbox", self._hear)

    @property
    def job(self) -> Job:
        """As plugins register it."""
        return Job("digest", EVERY, self.run)

    def run(self) -> None:
        """Digest, and wait for more, for ever. Raises StoreUnavailable: the job is then tried again."""
        digester = Digester(self.context.db, self.context.blobs, self.context.offload, self.context.kept, self._rest)
        while True:
            self._news.clear()
            self._digest(digester)
            self._news.wait(EVERY)
            self._settle()

    def _digest(self, digester: Digester) -> None:
        done = digester.run()
        if done:
            self.context.log.debug("digest.done", messages=done)

    def _settle(self) -> None:
        """Wait until no more mail comes in."""
        begin = time.monotonic()
        while (now := time.monotonic()) - self._heard < SETTLE and now - begin < PATIENCE:
            gevent.sleep(SETTLE)

    def _hear(self, fact: dict[str, Any]) -> None:
        self._heard = time.monotonic()
        self._news.set()

    def _rest(self, worked: float) -> None:
        busy = time.monotonic() - self._heard < BUSY
        gevent.sleep(worked * (REST_WHILE_BUSY if busy else REST))
