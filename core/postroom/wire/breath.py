"""Long work in a greenlet, in small pieces: others have their turn between two of them."""

from __future__ import annotations

import time

from gevent import idle

HIGHEST = 2  # priority: whoever breathes goes on after one look at sockets and timers, however busy the others are
SECONDS = 0.01  # of work at a time


class Breath:
    """Call it after each piece of work; every few milliseconds it gives way."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Give way when it is time."""
        if time.perf_counter() - self._since > SECONDS:
            idle(HIGHEST)
            self._since = time.perf_counter()
