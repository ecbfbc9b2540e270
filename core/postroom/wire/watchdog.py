"""Ends waits that last too long, for all connections of a worker: one look a quarter of a second, instead of a timer for each wait.

A timer object for every receive and every command costs a busy server more than the commands themselves. Nobody needs time-outs
of minutes to be exact to the millisecond.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from gevent import get_hub

LOOK_SECONDS = 0.25  # how late a wait may be ended
NEVER = float("inf")


class Watched(Protocol):
    """Something that waits. ``expires``: time.monotonic() at which ``expire`` is called in the hub, NEVER while it does not wait."""

    expires: float

    def expire(self) -> None:
        """End the wait."""


class Watchdog:
    """The watchdog of one hub; it runs only while there is something to watch."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._timer: Any = get_hub().loop.timer(LOOK_SECONDS, LOOK_SECONDS, ref=False)

    def watch(self, one: Watched) -> None:
        """From now on."""
        if not self._watched:
            self._timer.start(self._look)
        self._watched.add(one)

    def forget(self, one: Watched) -> None:
        """No more."""
        self._watched.discard(one)
        if not self._watched:
            self._timer.stop()

    def _look(self) -> None:
        now = time.monotonic()
        for one in [one for one in self._watched if one.expires <= now]:
            one.expire()
