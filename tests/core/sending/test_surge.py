"""Accounts that suddenly send far more than they ever did."""

from __future__ import annotations

from postroom.sending.surge import History, SurgeRule

RULE = SurgeRule(factor=4.0, least_hour=50, least_day=200)
NOW = 500_000  # hours


def test_a_few_recipients_are_never_a_surge() -> None:
    assert RULE.judge(History(), NOW, 50) is None


def test_a_new_account_that_sends_much_is_one() -> None:
    assert RULE.judge(History(), NOW, 51) == "51 recipients within one hour, where the most so far was 0 (up to 50 is taken as usual)"


def test_what_the_account_did_before_is_usual_up_to_the_factor() -> None:
    history = History({NOW: 150}, highest_hour=100, highest_day=1000)
    assert RULE.judge(history, NOW, 250) is None
    assert RULE.judge(history, NOW, 251) is not None


def test_many_modest_hours_are_a_surge_of_the_day() -> None:
    history = History({NOW - hour: 40 for hour in range(1, 6)}, highest_hour=40, highest_day=30)
    assert RULE.judge(history, NOW, 1) == "201 recipients within one day, where the most so far was 30 (up to 200 is taken as usual)"


def test_hours_of_the_day_before_do_not_count() -> None:
    history = History({NOW - 24: 190, NOW + 1: 190}, highest_hour=190, highest_day=20)
    assert RULE.judge(history, NOW, 30) is None
