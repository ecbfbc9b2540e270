"""Watches the hub: says who held it when nothing else could run for longer than 50 ms."""

from __future__ import annotations

import sys
import time
import traceback
from collections import deque
from collections.abc import Callable
from types import FrameType

LIMIT = 0.050  # seconds
BEAT = 0.020  # seconds between two heart beats


class StallMonitor:
    """Looks at a heart beat of the hub from a native thread. ``report(seconds, culprit, stack)`` is called on that thread.

    ``count(culprit)`` is called on the hub when it beats again: what belongs to the hub (metrics, timers) is not for other threads.
    ``spawn`` starts a function on a native thread; ``sleep`` is the system's own: gevent's would sleep on a hub. ``thread``: the
    hub's, as the interpreter numbers it (``_thread.get_ident``; gevent's number of a thread is that of a greenlet).
    """

    def __init__(
        self,
        report: Callable[[float, str, str], None],
        spawn: Callable[[Callable[[], None]], object],
        sleep: Callable[[float], None],
        count: Callable[[str], None],
        thread: int,
    ) -> None:
        self.report, self.spawn, self.sleep, self.count = report, spawn, sleep, count
        self._culprits: deque[str] = deque()
        self.last = time.monotonic()
        self.hub_thread = thread
        self.stopped = False

    def start(self) -> None:
        """Begin to watch; the hub must call ``beat`` every BEAT seconds from now on."""
        self.spawn(self._watch)

    def beat(self) -> None:
        """The hub is alive."""
        self.last = time.monotonic()
        while self._culprits:
            self.count(self._culprits.popleft())

    def stop(self) -> None:
        """Watch no more."""
        self.stopped = True

    def _watch(self) -> None:
        reported_for = 0.0
        while not self.stopped:
            self.sleep(LIMIT / 2)
            beat = self.last
            late = time.monotonic() - beat - BEAT
            if late > LIMIT and beat != reported_for:
                reported_for = beat
                frame = sys._current_frames().get(self.hub_thread)
                if frame is not None and not waiting(frame):
                    name = culprit(frame)
                    self._culprits.append(name)
                    self.report(late, name, "".join(traceback.format_stack(frame, 12)))


def waiting(frame: FrameType) -> bool:
    """True when the hub is only waiting for events: the machine was busy, not we."""
    return frame.f_code.co_name == "run" and "gevent" in frame.f_code.co_filename


def culprit(frame: FrameType | None) -> str:
    """The plugin or module of ours nearest to where the hub is: "postroom_smtp_server.session.rcpt"."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("postroom"):
            return f"{module}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "unknown"
