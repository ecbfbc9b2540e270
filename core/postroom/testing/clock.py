"""A clock that a test moves by hand."""

from __future__ import annotations

START = 1_790_000_000.0  # some day in September 2026


class Clock:
    """Call it for the time in epoch seconds; it stands still until ``advance``."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time now."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    sleep = advance  # where code wants a function that waits
