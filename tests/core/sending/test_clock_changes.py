"""Schedules on days when clocks change: compared with the clock itself, read minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.sending.schedule import ScheduleItem, due, next_of, next_start
from postroom.sending.times import Range, closing, moment, opening

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),  # 02:00 is 03:00
    ("Europe/Berlin", date(2026, 10, 25)),  # 03:00 is 02:00
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Havana", date(2026, 3, 8)),  # midnight is left out
    ("America/Havana", date(2026, 11, 1)),  # midnight comes twice
    ("Asia/Beirut", date(2026, 3, 29)),
    ("Antarctica/Troll", date(2026, 3, 29)),  # two hours
    ("Antarctica/Troll", date(2026, 10, 25)),
    ("Pacific/Apia", date(2011, 12, 30)),  # a day that never was
    ("America/St_Johns", date(2006, 10, 28)),  # a minute after midnight it is 23:01 of the day before
    ("America/St_Johns", date(2006, 10, 29)),
    ("America/Sao_Paulo", date(2018, 2, 17)),  # midnight is 23:00 of the day before
    ("Asia/Kathmandu", date(2026, 3, 29)),  # no change at all
]


@lru_cache
def clock(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """What the clock shows, minute by minute, from the day before to the day after: moment and local time."""
    begin = datetime.combine(day - DAY, time(), UTC) - 14 * 60 * MINUTE
    moments = [begin + count * MINUTE for count in range(4 * 24 * 60 + 28 * 60)]
    return [(one, one.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for one in moments]


def shown(zone: str, day: date, minute: int, *, last: bool = False) -> tuple[datetime, bool]:
    """When the clock shows this time for the first (or last) time; without that, the first moment at which it shows a later one."""
    wanted = datetime.combine(day, time()) + minute * MINUTE
    exact = [one for one, local in clock(zone, day) if local == wanted]
    if exact:
        return exact[-1 if last else 0], True
    return next(one for one, local in clock(zone, day) if local > wanted), False


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_every_minute_of_the_day_has_its_moment(zone: str, day: date) -> None:
    for minute in range(0, 1440, 7):
        assert moment(day, minute, ZoneInfo(zone)) == shown(zone, day, minute)[0]


@settings(deadline=None)
@given(st.sampled_from(CHANGES), st.integers(0, 1439), st.integers(1, 1440))
def test_a_range_is_open_from_its_first_to_its_last_minute(change: tuple[str, date], begin: int, length: int) -> None:
    zone, day = change
    part = Range(begin, min(begin + length, 1440))
    last, exists = shown(zone, day, part.end, last=part.end < 1440)
    assert opening(day, part, ZoneInfo(zone)) == shown(zone, day, part.begin)[0]
    assert closing(day, part, ZoneInfo(zone)) == (last + MINUTE if exists and part.end < 1440 else last)


@settings(deadline=None)
@given(st.sampled_from(CHANGES), st.integers(0, 1439))
def test_a_time_starts_exactly_once_a_day_though_it_be_left_out_or_come_twice(change: tuple[str, date], minute: int) -> None:
    zone, day = change
    item = ScheduleItem("Once", at=(time(minute // 60, minute % 60),), days=frozenset({day.weekday()}))
    begin, end = (datetime.combine(day + count * DAY, time(), UTC) for count in (-2, 3))
    found, now = [], begin
    while (start := next_of(item, now, ZoneInfo(zone))) is not None and start < end:
        found.append(start.astimezone(UTC))
        now = start
    assert found == [shown(zone, day, minute)[0]]


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_looking_each_minute_finds_each_start_once(zone: str, day: date) -> None:
    item = ScheduleItem("Often", every=25 * 60.0, between=(Range(60, 200),), days=frozenset({day.weekday()}))
    begin, end = opening(day, item.between[0], ZoneInfo(zone)), closing(day, item.between[0], ZoneInfo(zone))
    wanted = [one for count in range(30) if (one := begin + count * 25 * MINUTE) < max(end, begin + MINUTE)]
    looks = [one for one, _ in clock(zone, day)]
    assert [now for now in looks if due(item, now - MINUTE, now, ZoneInfo(zone))] == wanted


@pytest.mark.parametrize("minute", [0, 1, 1385, 1439])
def test_a_clock_that_goes_back_over_midnight_loses_no_start_however_seldom_one_looks(minute: int) -> None:
    zone, day = ZoneInfo("America/St_Johns"), date(2006, 10, 28 if minute > 1 else 29)
    item = ScheduleItem("Once", at=(time(minute // 60, minute % 60),), days=frozenset({day.weekday()}))
    start = moment(day, minute, zone)
    for seconds in (1, 59, 61, 1800, 3599, 3601):
        assert due(item, start - MINUTE, start + timedelta(seconds=seconds), zone)


def test_a_range_that_comes_twice_over_midnight_starts_and_denies_through_all_of_it() -> None:
    zone, day = ZoneInfo("America/St_Johns"), date(2006, 10, 28)
    late = Range(1380, 1439)  # 23:00 to 23:59
    item = ScheduleItem("Late", every=60.0, between=(late,), days=frozenset({day.weekday()}))
    denying = ScheduleItem("No", ("deny",), between=(late,), days=frozenset({day.weekday()}))
    short_midnight = moment(date(2006, 10, 29), 0, zone)
    found = next_of(item, short_midnight, zone)
    assert found is not None and found.astimezone(UTC) == short_midnight + MINUTE
    steady = ScheduleItem("Steady", every=60.0)
    assert not due(steady, short_midnight - MINUTE, short_midnight, zone, [denying])


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_every_alone_counts_elapsed_time_through_the_change(zone: str, day: date) -> None:
    item, now = ScheduleItem("Steady", every=3000.0), datetime.combine(day - DAY, time(), UTC)
    found = []
    for _ in range(60):
        start = next_of(item, now, ZoneInfo(zone))
        assert start is not None
        now = start.astimezone(UTC)
        found.append(now)
    assert {after - before for before, after in pairwise(found)} == {timedelta(seconds=3000)}


def test_a_denied_time_that_is_left_out_is_denied_at_the_moment_after() -> None:
    zone, day = ZoneInfo("Europe/Berlin"), date(2026, 3, 29)
    item = ScheduleItem("Night", at=(time(2, 30),))
    denying = ScheduleItem("No", ("deny",), between=(Range(120, 179),))
    before = datetime.combine(day, time(1), zone)
    assert not due(item, before, datetime.combine(day, time(12), zone), zone, [denying])


def test_the_first_of_several_starts_is_the_earlier_moment_though_the_clock_shows_a_later_time() -> None:
    zone, day = ZoneInfo("Europe/Berlin"), date(2026, 10, 25)
    steady = ScheduleItem("Steady", every=3000.0, between=(Range(110, 200),))  # 01:50, 02:40, and 50 minutes later 02:30 again
    often = ScheduleItem("Often", every=30.0, between=(Range(179, 179),))
    found = next_start([steady, often], moment(day, 179, zone), zone)
    assert found is not None and (f"{found:%H:%M:%S}", found.fold) == ("02:59:30", 0)
    second = next_start([steady], found, zone)
    assert second is not None and (f"{second:%H:%M}", second.fold) == ("02:30", 1)
