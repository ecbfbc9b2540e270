"""Deadlines for the calls of hooks: timers that are used again, because making one costs more than most hooks."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from gevent import get_hub, getcurrent

from .asking import DeadlineExceeded


class Deadlines:
    """Each call gives a context in which ``seconds`` may pass before DeadlineExceeded is thrown into the greenlet."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.free: list[Deadline] = []

    def __call__(self) -> Deadline:
        """A deadline that nobody uses at the moment."""
        return self.free.pop() if self.free else Deadline(self)


class Deadline:
    """One timer; it goes back to the free ones at the end."""

    __slots__ = ("_owner", "_timer")

    def __init__(self, owner: Deadlines) -> None:
        self._owner = owner
        self._timer: Any = get_hub().loop.timer(owner.seconds, ref=False)

    def __enter__(self) -> None:
        self._timer.start(getcurrent().throw, DeadlineExceeded)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._timer.stop()
        self._owner.free.append(self)
