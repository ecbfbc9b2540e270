"""Times of day, ranges of them and days of the week as schedules write them, and the moments that they are in a time zone.

A local time that a clock change skips is the first moment after the gap; one that comes twice is the first of the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from ..config.places import Fault, WrongText

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))
WORDS = {"all": EVERY_DAY, "weekdays": frozenset(range(5)), "weekend": frozenset({5, 6})}
MIDNIGHT = 24 * 60  # minutes: the end of a day
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
TIME_WANTED = "a time of day is expected, such as 09:00 or 23:59"
RANGE_WANTED = "a range of times is expected, such as 09:00-17:30"
DAYS_WANTED = f"days are expected: {', '.join(DAYS)}, a range such as mon-fri, or one of {', '.join(WORDS)}"


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """A part of a day, both minutes included; in minutes since midnight."""

    begin: int
    end: int  # MIDNIGHT: up to the end of the day

    def __str__(self) -> str:
        return f"{self.begin // 60:02}:{self.begin % 60:02}-{self.end // 60:02}:{self.end % 60:02}"


WHOLE_DAY = Range(0, MIDNIGHT)


def parse_time(text: object) -> time:
    """The time of "09:00". Raises ValueError with what is allowed."""
    minutes = _minutes(str(text).strip(), TIME_WANTED)
    if minutes == MIDNIGHT:
        raise ValueError("24:00 is 00:00 of the next day, and only the end of a range")
    return time(minutes // 60, minutes % 60)


def parse_range(text: object) -> Range:
    """The range of "09:00-17:30". Raises ValueError, for one that spans midnight with what to write instead."""
    begin, dash, end = str(text).partition("-")
    if not dash:
        raise ValueError(RANGE_WANTED)
    found = Range(_minutes(begin.strip(), RANGE_WANTED), _minutes(end.strip(), RANGE_WANTED))
    if found.end < found.begin:
        late, early = Range(found.begin, MIDNIGHT), Range(0, found.end)
        raise ValueError(f"a range cannot span midnight; use two items, or two ranges: [{late}, {early}]")
    if found.begin == MIDNIGHT:
        raise ValueError(RANGE_WANTED)
    return found


def _minutes(text: str, wanted: str) -> int:
    match = CLOCK.fullmatch(text) if text.isascii() else None
    minutes = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else MIDNIGHT + 1
    if minutes > MIDNIGHT:
        raise ValueError(wanted)
    return minutes


def parse_days(value: object) -> frozenset[int]:
    """The days (0 is Monday) of "weekdays", "mon-fri", "mon, wed" or a list of these. Raises WrongText with what is allowed."""
    items = [str(item) for item in value] if isinstance(value, list | tuple | frozenset) else str(value).split(",")
    days: set[int] = set()
    faults = []
    for number, item in enumerate(items, start=1):
        found = _days(item.strip().lower())
        days |= found
        if not found:
            faults.append(Fault(number if isinstance(value, list | tuple) else 1, 1, DAYS_WANTED))
    if faults or not items:
        raise WrongText(faults or [Fault(1, 1, DAYS_WANTED)])
    return frozenset(days)


def _days(word: str) -> frozenset[int]:
    if word in WORDS:
        return WORDS[word]
    begin, dash, end = (part.strip() for part in word.partition("-"))
    if begin not in DAYS or (dash and end not in DAYS):
        return frozenset()
    first, last = DAYS.index(begin), DAYS.index(end or begin)
    return frozenset(range(first, last + 1)) if first <= last else EVERY_DAY - frozenset(range(last + 1, first))


def moment(day: date, minute: int, zone: tzinfo) -> datetime:
    """When it is that many minutes after midnight on that day, in UTC."""
    return _resolved(day, minute, zone)[0]


def opening(day: date, part: Range, zone: tzinfo) -> datetime:
    """When the range begins on that day, in UTC."""
    return moment(day, part.begin, zone)


def closing(day: date, part: Range, zone: tzinfo) -> datetime:
    """When the range is over on that day, in UTC: after its last minute, and after the second one when that comes twice."""
    if part.end == MIDNIGHT:
        return moment(day, MIDNIGHT, zone)
    found, exists = _resolved(day, part.end, zone, fold=1)
    return found + MINUTE if exists else found


def _resolved(day: date, minute: int, zone: tzinfo, fold: int = 0) -> tuple[datetime, bool]:
    """The moment in UTC, and whether the clock shows this time at all; if not, the moment is the end of the gap."""
    local = datetime.combine(day, time()) + timedelta(minutes=minute)
    late, early = (local.replace(tzinfo=zone, fold=side).astimezone(UTC) for side in (0, 1))
    chosen = early if fold else late
    if chosen.astimezone(zone).replace(tzinfo=None) == local:
        return chosen, True
    before, after = early, late  # in a gap, the time read by the old offset falls behind it, and by the new one before it
    target = after.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // 2
        before, after = (before, middle) if middle.astimezone(zone).utcoffset() == target else (middle, after)
    return after.replace(microsecond=0), False
