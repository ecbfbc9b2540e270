"""When connections start by themselves. All functions are pure: the time is handed in, as a datetime with a zone.

An item has fixed starts, so that nothing need be remembered but the time of the last look:

- ``at`` some times of a day: once each, also on the days on which clocks change;
- ``every`` so long in ranges of a day (or on some days only): from the opening of the range on, in elapsed time;
- ``every`` so long and nothing else: elapsed time since a fixed Monday, midnight, of long ago.

A ``deny`` item cancels what falls into its ranges, into the minute of its times, or on its days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from .times import EVERY_DAY, MINUTE, WHOLE_DAY, Range, closing, moment, opening

DEFAULT, DENY = "default", "deny"
ORIGIN = date(2001, 1, 1)  # a Monday
WEEK = 8  # days: within these, each day of the week comes, even when a clock change leaves one out
AHEAD = timedelta(days=15)  # how far ahead a start is looked for that no item denies
MOST = 5000  # denied starts that are passed over
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ScheduleItem:
    """One item. Either ``every`` or ``at`` is set, and ``at`` stands without ``between``; a deny item has no ``every``."""

    name: str
    connect: tuple[str, ...] = (DEFAULT,)  # connections, "default" for those marked so; or "deny" alone
    days: frozenset[int] = EVERY_DAY  # 0 is Monday
    every: float | None = None  # seconds
    between: tuple[Range, ...] = ()  # empty: the whole day
    at: tuple[time, ...] = ()
    enabled: bool = True

    @property
    def denies(self) -> bool:
        """True for an item that cancels starts instead of making some."""
        return DENY in self.connect

    @property
    def steady(self) -> bool:
        """True when the days do not matter."""
        return self.every is not None and not self.between and self.days == EVERY_DAY

    @property
    def step(self) -> timedelta:
        """``every``, for comparing with a difference of times."""
        return max(timedelta(seconds=self.every or 0), TICK)


class Span(NamedTuple):
    """A time in UTC, without its end."""

    begin: datetime
    end: datetime


def due(item: ScheduleItem, since: datetime, now: datetime, zone: tzinfo, denying: Sequence[ScheduleItem] = ()) -> bool:
    """True when a start of the item that nothing denies falls after ``since`` and not after ``now``."""
    last, now = since.astimezone(UTC), now.astimezone(UTC)
    found = _latest(item, now, zone)
    for _ in range(MOST):
        if found is None or found <= last:
            return False
        denied = _denied(found, denying, zone)
        if denied is None:
            return True
        found = _latest(item, denied.begin - TICK, zone)
    return False


def starts(items: Iterable[ScheduleItem], since: datetime, now: datetime, zone: tzinfo) -> list[ScheduleItem]:
    """The items that are due; each once, however many of its starts were missed."""
    every = list(items)
    denying = [item for item in every if item.denies]
    return [item for item in every if due(item, since, now, zone, denying)]


def next_start(items: Iterable[ScheduleItem], now: datetime, zone: tzinfo) -> datetime | None:
    """The first start after ``now`` of any item, in the zone; None when there is none in sight."""
    every = list(items)
    denying = [item for item in every if item.denies]
    found = [start for item in every if (start := next_of(item, now, zone, denying)) is not None]
    return min(found, key=datetime.timestamp, default=None)  # two times of one zone would be compared by what the clock shows


def next_of(item: ScheduleItem, now: datetime, zone: tzinfo, denying: Sequence[ScheduleItem] = ()) -> datetime | None:
    """The first start of one item after ``now``, in the zone; None when it is off or all that is in sight is denied."""
    begin = now.astimezone(UTC)
    found = _first(item, begin, zone)
    for _ in range(MOST):
        if found is None:
            return None
        denied = _denied(found, denying, zone)
        if denied is None:
            return found.astimezone(zone)
        if found > begin + AHEAD + item.step:
            return None
        found = _first(item, denied.end - TICK, zone)
    return None


def _latest(item: ScheduleItem, until: datetime, zone: tzinfo) -> datetime | None:
    """The last start at or before ``until``."""
    if not _starts_something(item):
        return None
    if item.steady:
        origin = moment(ORIGIN, 0, zone)
        return origin + (until - origin) // item.step * item.step
    for days in _near(until, zone, -1):
        found = [start for day in days for span in _spans(item, day, zone) if (start := _last_in(span, item, until)) is not None]
        if found:
            return max(found)
    return None


def _first(item: ScheduleItem, after: datetime, zone: tzinfo) -> datetime | None:
    """The first start after that moment."""
    if not _starts_something(item):
        return None
    if item.steady:
        origin = moment(ORIGIN, 0, zone)
        return origin + ((after - origin) // item.step + 1) * item.step
    for days in _near(after, zone, 1):
        found = [start for day in days for span in _spans(item, day, zone) if (start := _first_in(span, item, after)) is not None]
        if found:
            return min(found)
    return None


def _near(now: datetime, zone: tzinfo, direction: int) -> Iterator[tuple[date, ...]]:
    """The days to look at: first those around now together, since a clock may go back over midnight, then one after the other."""
    today = now.astimezone(zone).date()
    yield (today - DAY, today, today + DAY)
    yield from ((today + direction * ahead * DAY,) for ahead in range(2, WEEK + 1))


def _starts_something(item: ScheduleItem) -> bool:
    return item.enabled and not item.denies and bool(item.every or item.at)


def _spans(item: ScheduleItem, day: date, zone: tzinfo) -> Iterator[Span]:
    """The ranges of the item on that day; each of its times as a range of a minute."""
    if day.weekday() not in item.days:
        return
    for when in item.at:
        begin = moment(day, when.hour * 60 + when.minute, zone)
        yield Span(begin, begin + MINUTE)
    for part in () if item.at else item.between or (WHOLE_DAY,):
        begin = opening(day, part, zone)
        yield Span(begin, max(closing(day, part, zone), begin + MINUTE))  # a range that the clock leaves out: its first moment after


def _last_in(span: Span, item: ScheduleItem, until: datetime) -> datetime | None:
    if until < span.begin:
        return None
    if item.at:
        return span.begin
    return span.begin + (min(until, span.end - TICK) - span.begin) // item.step * item.step


def _first_in(span: Span, item: ScheduleItem, after: datetime) -> datetime | None:
    if after < span.begin:
        return span.begin
    found = span.begin + ((after - span.begin) // item.step + 1) * item.step
    return found if found < span.end and not item.at else None


def _denied(start: datetime, denying: Sequence[ScheduleItem], zone: tzinfo) -> Span | None:
    """The range of a deny item that this start falls into."""
    around = next(_near(start, zone, 1))
    for item in denying:
        for day in around if item.enabled and item.denies else ():
            for span in _spans(item, day, zone):
                if span.begin <= start < span.end:
                    return span
    return None
