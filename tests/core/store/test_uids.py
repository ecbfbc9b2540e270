"""Sets of UIDs as ranges and as SQL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.store.keywords import joined, spelled
from postroom.store.uids import ALL, MOST, ascending, clauses, members, ranges, within

SETS = st.sets(st.integers(1, 3000), max_size=200)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ([], []),
        ([3, 1, 2], [(1, 3)]),
        ([5, 5, 1], [(1, 1), (5, 5)]),
        ([(1, 4), (2, 3)], [(1, 4)]),
        ([(5, 9), (1, 4)], [(1, 9)]),
        (ALL, ALL),
    ],
)
def test_ranges_are_sorted_and_merged(given_: list[int], expected: list[tuple[int, int]]) -> None:
    assert ranges(given_) == expected


@given(SETS)
def test_ranges_have_the_same_members(uids: set[int]) -> None:
    assert list(members(ranges(uids))) == sorted(uids)
    assert ascending(sorted(uids)) == ranges(uids)


@given(SETS, st.integers(1, 3000), st.integers(0, 2000))
def test_clauses_hold_for_each_uid_once_and_in_order(uids: set[int], start: int, length: int) -> None:
    wanted = ranges([*uids, *range(start, start + length)])
    found: list[int] = []
    for clause, params in clauses(wanted):
        assert clause.count("?") == len(params) <= MOST
        found += range(params[0], params[1] + 1) if "BETWEEN" in clause else dict.fromkeys(params)
    assert found == list(members(wanted))


@given(SETS, SETS)
def test_uids_within_bounds(uids: set[int], bounds: set[int]) -> None:
    assert within(sorted(uids), ranges(bounds)) == ranges(uids & bounds)


def test_scattered_uids_need_few_different_statements() -> None:
    texts = {clause for count in range(1, 1200, 7) for clause, _ in clauses(ranges(range(1, 2 * count, 2)))}
    assert len(texts) <= 4


def test_keywords_are_told_in_the_spelling_of_the_mailbox() -> None:
    assert spelled("Work $Junk", ["WORK", "new", "New", "$junk"]) == ("Work $Junk new", ("Work", "new", "$Junk"))
    assert spelled("Work", []) == ("Work", ())
    assert joined(("b", "A")) == joined(("A", "b")) == "A b"
