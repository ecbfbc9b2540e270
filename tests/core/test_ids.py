"""Ids that sort by time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom import ids


def test_ids_of_one_process_are_in_order_and_never_the_same() -> None:
    made = [ids.new_id() for _ in range(50_000)]
    assert made == sorted(set(made))


def test_threads_never_make_the_same() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = [number for some in threads.map(lambda _: [ids.new_id() for _ in range(2000)], range(16)) for number in some]
    assert len(set(made)) == len(made)


def test_ids_of_one_millisecond_begin_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = set()
    for moment in range(10, 20):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
        number = ids.new_id()
        assert number >> ids.RANDOM_BITS == moment
        starts.add(number - (moment << ids.RANDOM_BITS))
    assert len(starts) > 5


@given(st.integers(0, 2**63 - 1))
def test_the_text_of_an_id_is_read_back(number: int) -> None:
    assert ids.parse(ids.text(number)) == number
