"""When connections start by themselves, on days without clock changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.sending.schedule import ScheduleItem, due, next_of, next_start, starts
from postroom.sending.times import Range, parse_days, parse_range

ZONE = ZoneInfo("Europe/Berlin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 6, 1, tzinfo=ZONE)


def item(**facts: Any) -> ScheduleItem:
    return ScheduleItem("Item", **facts)


def run(items: list[ScheduleItem], begin: datetime, length: timedelta) -> Iterator[datetime]:
    """All starts after ``begin``, one after the other."""
    now = begin
    while (found := next_start(items, now, ZONE)) is not None and found <= begin + length:
        yield found
        now = found


def clock(found: Iterator[datetime]) -> list[str]:
    return [f"{start:%a %H:%M}" for start in found]


def test_every_alone_starts_at_full_steps() -> None:
    found = clock(run([item(every=15 * 60.0)], MONDAY + timedelta(minutes=1), HOUR))
    assert found == ["Mon 00:15", "Mon 00:30", "Mon 00:45", "Mon 01:00"]


def test_every_between_starts_at_the_opening_and_includes_the_last_minute() -> None:
    office = item(every=4 * 3600.0, between=(parse_range("09:00-17:00"),), days=parse_days("weekdays"))
    friday = MONDAY + 4 * DAY
    assert clock(run([office], friday, 4 * DAY)) == ["Fri 09:00", "Fri 13:00", "Fri 17:00", "Mon 09:00", "Mon 13:00", "Mon 17:00"]


def test_every_on_some_days_begins_at_their_midnight() -> None:
    assert clock(run([item(every=10 * 3600.0, days=parse_days("tue"))], MONDAY, 3 * DAY)) == ["Tue 00:00", "Tue 10:00", "Tue 20:00"]


def test_several_ranges_are_several_grids() -> None:
    ranges = (parse_range("09:00-09:30"), parse_range("12:05-12:40"))
    assert clock(run([item(every=1800.0, between=ranges)], MONDAY, DAY)) == ["Mon 09:00", "Mon 09:30", "Mon 12:05", "Mon 12:35"]


def test_the_last_minute_of_a_day_counts() -> None:
    late = item(every=20.0, between=(parse_range("23:59-23:59"),))
    assert len(list(run([late], MONDAY, DAY))) == 3


def test_at_starts_at_its_times() -> None:
    assert clock(run([item(at=(time(3), time(15, 30)), days=parse_days("mon,wed"))], MONDAY, 3 * DAY)) == [
        "Mon 03:00",
        "Mon 15:30",
        "Wed 03:00",
        "Wed 15:30",
    ]


def test_an_item_is_due_once_however_many_starts_were_missed() -> None:
    often = item(every=60.0)
    assert starts([often], MONDAY, MONDAY + 5 * HOUR, ZONE) == [often]
    assert not due(often, MONDAY, MONDAY + timedelta(seconds=59), ZONE)
    assert due(often, MONDAY + timedelta(seconds=59), MONDAY + timedelta(seconds=60), ZONE)


def test_a_start_at_the_time_of_the_last_look_has_been_done() -> None:
    assert not due(item(at=(time(3),)), MONDAY + 3 * HOUR, MONDAY + 4 * HOUR, ZONE)


def test_an_item_that_is_off_never_starts() -> None:
    off = item(every=60.0, enabled=False)
    assert starts([off], MONDAY, MONDAY + DAY, ZONE) == []
    assert next_start([off], MONDAY, ZONE) is None


def test_a_deny_item_cancels_what_falls_into_its_range() -> None:
    night = item(connect=("deny",), between=(parse_range("00:30-01:00"),))
    found = clock(run([item(every=900.0), night], MONDAY, timedelta(minutes=90)))
    assert found == ["Mon 00:15", "Mon 01:15", "Mon 01:30"]


def test_a_deny_item_with_times_cancels_starts_of_the_same_minute() -> None:
    denying = item(connect=("deny",), at=(time(3),))
    assert clock(run([item(at=(time(3), time(3, 1))), denying], MONDAY, 2 * DAY)) == ["Mon 03:01", "Tue 03:01"]


def test_a_deny_item_with_days_only_cancels_these_days() -> None:
    denying = item(connect=("deny",), days=parse_days("weekend"))
    assert clock(run([item(at=(time(3),)), denying], MONDAY + 3 * DAY, 5 * DAY)) == ["Thu 03:00", "Fri 03:00", "Mon 03:00"]


def test_a_deny_item_that_is_off_cancels_nothing() -> None:
    denying = item(connect=("deny",), at=(time(3),), enabled=False)
    assert clock(run([item(at=(time(3),)), denying], MONDAY, DAY)) == ["Mon 03:00"]


def test_a_missed_start_before_a_denied_one_still_counts() -> None:
    often, denying = item(every=3600.0), item(connect=("deny",), between=(parse_range("03:00-05:00"),))
    assert due(often, MONDAY + 1.5 * HOUR, MONDAY + 4 * HOUR, ZONE, [denying])
    assert not due(often, MONDAY + 2 * HOUR, MONDAY + 4 * HOUR, ZONE, [denying])


def test_nothing_is_in_sight_when_all_is_denied() -> None:
    denying = item(connect=("deny",), days=parse_days("all"), between=(Range(0, 1440),))
    assert next_start([item(every=60.0), denying], MONDAY, ZONE) is None


def test_times_in_any_zone_may_be_asked_about() -> None:
    found = next_start([item(at=(time(3),))], MONDAY.astimezone(UTC), ZONE)
    assert found is not None and (found.tzinfo, found.hour) == (ZONE, 3)


RANGES = (
    st.tuples(st.integers(0, 1439), st.integers(0, 1440))
    .map(lambda pair: Range(min(pair), max(pair)))
    .filter(lambda part: part.begin < 1440)
)
TIMES = st.times().map(lambda when: when.replace(second=0, microsecond=0))
DAYS = st.frozensets(st.integers(0, 6), min_size=1)
ITEMS = st.one_of(
    st.builds(ScheduleItem, st.just("Item"), every=st.floats(1, 1e7), between=st.lists(RANGES, max_size=3).map(tuple), days=DAYS),
    st.builds(ScheduleItem, st.just("Item"), at=st.lists(TIMES, min_size=1, max_size=3).map(tuple), days=DAYS),
)
MOMENTS = st.integers(1_100_000_000, 2_100_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@settings(deadline=None)
@given(ITEMS, MOMENTS)
def test_an_item_is_due_at_its_next_start_and_not_before(one: ScheduleItem, now: datetime) -> None:
    found = next_of(one, now, ZONE)
    assert found is not None and found > now
    assert due(one, now, found, ZONE)
    assert not due(one, now, found.astimezone(UTC) - timedelta(microseconds=1), ZONE)


@pytest.mark.parametrize("seconds", [0.001, 1e9])
def test_a_step_of_any_length_is_reckoned_with(seconds: float) -> None:
    assert next_of(item(every=seconds), MONDAY, ZONE) is not None
