"""When to try again, when to warn the sender, when to give up. Times are milliseconds since 1970, intervals seconds."""

from __future__ import annotations

from dataclasses import dataclass

from ..mail.delivery import Kind

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
SPREAD = 0.1  # a tenth earlier or later, so that mail that failed together does not come back together


@dataclass(frozen=True, slots=True)
class Retry:
    """The retry schedule: the last interval repeats until ``give_up``. RFC 5321 4.5.4.1 wants 30 minutes soon and 4-5 days in all."""

    schedule: tuple[float, ...] = (MINUTE, 5 * MINUTE, 5 * MINUTE, 15 * MINUTE, *(HOUR,) * 6, 2 * HOUR)
    give_up: float = 5 * DAY
    warn_after: float = 4 * HOUR
    unreachable: tuple[float, ...] = ()  # instead of ``schedule`` while the site fails as a whole; empty: the same

    def delay(self, attempts: int, key: int, kind: Kind = "answer") -> float:
        """Seconds to wait after the ``attempts``-th failed attempt (1 is the first), spread by ``key`` in a way that can be repeated."""
        schedule = self.schedule if kind == "answer" else self.unreachable or self.schedule
        interval = schedule[min(max(attempts, 1), len(schedule)) - 1]
        mixed = ((key + attempts) * 0x9E3779B97F4A7C15 >> 32) % 2001  # Fibonacci hashing: neighbours fall far apart
        return interval * (1 + SPREAD * (mixed - 1000) / 1000)

    def next_try(self, queued_at: int, attempts: int, now: int, key: int, kind: Kind = "answer") -> int | None:
        """When to try next after the ``attempts``-th failure; None when the time is up. The last attempt falls on the end of the time."""
        end = queued_at + int(self.give_up * 1000)
        if now >= end:
            return None
        return min(now + int(self.delay(attempts, key, kind) * 1000), end)

    def warns(self, queued_at: int, now: int) -> bool:
        """True when the message has waited so long that its sender should know."""
        return now - queued_at >= int(self.warn_after * 1000)
