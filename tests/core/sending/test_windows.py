"""Rates: how much may go now, and when the next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postroom.sending.windows import Rate, Room, Sent


def test_with_nothing_sent_all_may_go() -> None:
    assert Rate(50, 200, 3600).room([], 1000.0) == Room(50, 200, 1000.0)


def test_what_has_been_sent_is_taken_off() -> None:
    assert Rate(50, 200, 3600).room([Sent(900, 1, 30), Sent(950, 2, 10)], 1000.0) == Room(47, 160, 1000.0)


def test_what_is_older_than_the_time_does_not_count() -> None:
    assert Rate(1, None, 60).room([Sent(940, 1, 1)], 1000.0) == Room(1, None, 1000.0)


def test_the_next_may_go_when_enough_has_grown_old() -> None:
    rows = [Sent(970, 1, 1), Sent(950, 1, 1), Sent(990, 1, 1)]
    assert Rate(3, None, 60).room(rows, 1000.0) == Room(0, None, 1010.0)


def test_both_limits_must_have_room() -> None:
    rate = Rate(5, 10, 60)
    assert rate.room([Sent(950, 1, 1), Sent(960, 1, 9)], 1000.0) == Room(3, 0, 1010.0)
    assert not rate.room([Sent(950, 1, 10)], 1000.0).free


def test_more_than_the_limit_leaves_no_negative_room() -> None:
    assert Rate(None, 10, 60).room([Sent(950, 1, 25)], 1000.0) == Room(None, 0, 1010.0)


ROWS = st.lists(st.builds(Sent, st.integers(0, 200), st.integers(1, 3), st.integers(1, 5)), max_size=12)
LIMITS = st.none() | st.integers(1, 8)


@given(ROWS, LIMITS, LIMITS)
def test_at_the_told_time_one_more_may_go_and_not_before(rows: list[Sent], messages: int | None, recipients: int | None) -> None:
    rate, now = Rate(messages, recipients, 60), 200
    when = rate.room(rows, now).next_at
    assert rate.room(rows, when).free
    assert not any(rate.room(rows, earlier).free for earlier in range(now, int(when)))
