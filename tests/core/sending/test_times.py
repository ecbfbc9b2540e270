"""Times of day, ranges and days, as schedules write them."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.config.places import WrongText
from postroom.sending.times import Range, parse_days, parse_range, parse_time
from tests.core.sending.refusing import refusal


@pytest.mark.parametrize(("text", "result"), [("09:00", time(9)), ("9:05", time(9, 5)), (" 23:59 ", time(23, 59)), ("0:00", time())])
def test_a_time_is_read(text: str, result: time) -> None:
    assert parse_time(text) == result


@pytest.mark.parametrize("value", ["", "9", 9, "24:00", "25:00", "12:60", "9:5", "9:00am", "-1:00", "٠٩:٠٠", None])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"time of day|24:00"):
        parse_time(value)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("09:00-17:30", Range(540, 1050)),
        ("0:00 - 24:00", Range(0, 1440)),
        ("21:00-23:59", Range(1260, 1439)),
        ("9:00-9:00", Range(540, 540)),
    ],
)
def test_a_range_is_read(text: str, result: Range) -> None:
    assert parse_range(text) == result


@pytest.mark.parametrize("value", ["", "09:00", "09:00-", "-", "24:00-24:00", "9-17", "09:00-25:00", 900, "09:00-10:00-11:00"])
def test_what_is_no_range_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a range of times is expected, such as 09:00-17:30"):
        parse_range(value)


def test_a_range_over_midnight_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(ValueError, match="midnight") as caught:
        parse_range("21:00-09:00")
    assert str(caught.value) == "a range cannot span midnight; use two items, or two ranges: [21:00-24:00, 00:00-09:00]"


@pytest.mark.parametrize(
    ("value", "days"),
    [
        ("mon", {0}),
        ("weekdays", {0, 1, 2, 3, 4}),
        ("Weekend", {5, 6}),
        ("all", set(range(7))),
        ("tue-thu", {1, 2, 3}),
        ("sat-mon", {5, 6, 0}),
        ("mon, wed-fri", {0, 2, 3, 4}),
        (["mon", "sun"], {0, 6}),
    ],
)
def test_days_are_read(value: object, days: set[int]) -> None:
    assert parse_days(value) == days


@pytest.mark.parametrize(
    ("value", "line"), [("", 1), ("monday", 1), (["mon", "x"], 2), ([], 1), (None, 1), ("mon-", 1), ("mon-x", 1), (1, 1)]
)
def test_what_are_no_days_is_refused_with_its_place(value: object, line: int) -> None:
    with pytest.raises(WrongText, match="days are expected") as caught:
        parse_days(value)
    assert caught.value.line == line


@given(st.text(max_size=20))
def test_any_text_is_understood_or_refused(text: str) -> None:
    for parse in (parse_time, parse_range, parse_days):
        wrong = refusal(lambda parse=parse: parse(text), ValueError)  # type: ignore[misc]
        assert wrong is None or str(wrong)
