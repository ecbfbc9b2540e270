"""Tells the administrator, once in a while, that mail waits because this machine lacks something."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ...shortage import REMEDY

EVERY = 600.0  # seconds between two lines


class Shortages:
    """Those that one sender has met. ``log`` None tells nobody."""

    def __init__(self, log: Any, sender: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._sender, self._clock = log, sender, clock
        self._met, self._told_at = 0, -EVERY

    def met(self, words: str) -> None:
        """One more attempt that came to nothing by it."""
        self._met += 1
        now = self._clock()
        if self._log is not None and now - self._told_at >= EVERY:
            self._log.error("sending.shortage", sender=self._sender, attempts=self._met, reason=words, remedy=REMEDY)
            self._met, self._told_at = 0, now
