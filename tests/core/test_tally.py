"""Counts that hold across workers."""

from postroom.tally import ENTRIES, Tally


def test_a_key_counts_up_and_down() -> None:
    tally = Tally(1)
    assert [tally.enter("a"), tally.enter("a"), tally.enter("b")] == [1, 2, 1]
    tally.leave("a")
    assert tally.count("a") == 1


def test_two_workers_see_the_sum_of_their_counts() -> None:
    tally = Tally(2)
    tally.use(0)
    tally.enter("192.0.2.1")
    tally._mine = 1  # as the other worker sees the same memory
    assert tally.enter("192.0.2.1") == 2


def test_a_dead_workers_counts_are_forgotten() -> None:
    tally = Tally(2)
    tally.use(1)
    tally.enter("192.0.2.1")
    tally.clear(1)
    assert tally.count("192.0.2.1") == 0


def test_more_keys_than_the_table_has_room_for_are_still_counted() -> None:
    tally = Tally(1)
    keys = [f"key{number}" for number in range(2 * ENTRIES)]
    assert all(tally.enter(key) == 1 for key in keys)
    assert all(tally.enter(key) == 2 for key in keys)


def test_leaving_frees_the_places_for_other_keys() -> None:
    tally = Tally(1)
    for number in range(20 * ENTRIES):
        tally.enter(f"key{number}")
        tally.leave(f"key{number}")
    assert tally._overflow == {}
    assert tally.enter("another") == 1
