"""Rates: so many messages or recipients in any time of a given length, counted by what has been sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Sent(NamedTuple):
    """Something that has been sent, or is just being sent. Times are epoch seconds."""

    at: float
    messages: int
    recipients: int


class Room(NamedTuple):
    """How much more may go now; None is without a limit."""

    messages: int | None
    recipients: int | None
    next_at: float  # when one more message for one recipient may go: now, if it may; epoch seconds

    @property
    def free(self) -> bool:
        """True when one more message for one recipient may go now."""
        return self.messages != 0 and self.recipients != 0


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many in any ``per`` seconds; a limit of None is none."""

    messages: int | None
    recipients: int | None
    per: float

    def room(self, rows: Iterable[Sent], now: float) -> Room:
        """What may go now, after these; rows that are older than ``per`` do not count, and their order does not matter."""
        counted = sorted(row for row in rows if row.at > now - self.per)
        messages = _left(self.messages, (row.messages for row in counted))
        recipients = _left(self.recipients, (row.recipients for row in counted))
        return Room(messages, recipients, self._next(counted, now))

    def _next(self, counted: list[Sent], now: float) -> float:
        """When enough of the oldest rows have grown old."""
        used_messages, used_recipients = sum(row.messages for row in counted), sum(row.recipients for row in counted)
        moment = now
        for row in counted:
            if _fits(self.messages, used_messages) and _fits(self.recipients, used_recipients):
                break
            used_messages, used_recipients = used_messages - row.messages, used_recipients - row.recipients
            moment = row.at + self.per
        return moment


def _left(limit: int | None, used: Iterable[int]) -> int | None:
    return None if limit is None else max(limit - sum(used), 0)


def _fits(limit: int | None, used: int) -> bool:
    return limit is None or used < limit
