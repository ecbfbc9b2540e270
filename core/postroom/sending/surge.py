"""Whether an account suddenly sends far more than it ever did: what a stolen password looks like from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DAY = 24  # hours


@dataclass(frozen=True, slots=True)
class History:
    """What an account has sent, in recipients. Hours are counted since 1970."""

    hours: Mapping[int, int] = field(default_factory=dict)  # at least those of the last day
    highest_hour: int = 0  # the most in one hour that was found usual, or that somebody released
    highest_day: int = 0  # the same for 24 hours in a row


@dataclass(frozen=True, slots=True)
class SurgeRule:
    """More than ``factor`` times what was the most so far is a surge; up to the least numbers nothing is."""

    factor: float = 4.0
    least_hour: int = 50  # recipients
    least_day: int = 200

    def judge(self, history: History, hour: int, adding: int) -> str | None:
        """Why ``adding`` recipients in this hour would be a surge, in words; None when they are nothing unusual."""
        in_hour = history.hours.get(hour, 0) + adding
        in_day = adding + sum(count for when, count in history.hours.items() if hour - DAY < when <= hour)
        return self._reason(in_hour, "hour", history.highest_hour, self.least_hour) or self._reason(
            in_day, "day", history.highest_day, self.least_day
        )

    def _reason(self, count: int, unit: str, highest: int, least: int) -> str | None:
        allowed = max(least, int(self.factor * highest))
        if count <= allowed:
            return None
        return f"{count} recipients within one {unit}, where the most so far was {highest} (up to {allowed} is taken as usual)"
