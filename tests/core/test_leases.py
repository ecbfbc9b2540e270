"""Who holds a lease holds it alone, until it expires or is given back; on both databases."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from postroom.leases import Leases
from postroom.store.database import Database


@dataclass
class Clock:
    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def one(db: Database, clock: Clock) -> Leases:
    return Leases(db, "one", clock)


@pytest.fixture
def two(db: Database, clock: Clock) -> Leases:
    return Leases(db, "two", clock)


def test_a_lease_has_one_owner(one: Leases, two: Leases) -> None:
    assert one.hold("job", 10)
    assert not two.hold("job", 10)


def test_its_owner_renews_it(one: Leases, two: Leases, clock: Clock) -> None:
    assert one.hold("job", 10)
    clock.now += 8
    assert one.hold("job", 10)
    clock.now += 8
    assert not two.hold("job", 10)


def test_an_expired_lease_goes_to_who_asks_first(one: Leases, two: Leases, clock: Clock) -> None:
    assert one.hold("job", 10)
    clock.now += 10.1
    assert two.hold("job", 10)
    assert not one.hold("job", 10)


def test_a_lease_that_is_given_back_is_free(one: Leases, two: Leases) -> None:
    one.hold("job", 10)
    one.release("job")
    assert two.hold("job", 10)


def test_only_its_owner_gives_it_back(one: Leases, two: Leases) -> None:
    one.hold("job", 10)
    two.release("job")
    assert not two.hold("job", 10)


def test_leases_of_other_names_are_others(one: Leases, two: Leases) -> None:
    assert one.hold("job", 10)
    assert two.hold("another", 10)


def test_taking_succeeds_once_in_its_time_even_for_the_owner(one: Leases, two: Leases, clock: Clock) -> None:
    assert one.take("schedule", 60)
    assert not one.take("schedule", 60)
    assert not two.take("schedule", 60)
    clock.now += 60.1
    assert two.take("schedule", 60)
    assert not one.take("schedule", 60)


def test_leases_that_ended_long_ago_are_forgotten(db: Database) -> None:
    Leases(db, "one", lambda: 1000.0).take("old", 10.0)
    Leases(db, "one", lambda: 2000.0).take("new", 10.0)
    Leases(db, "one").forget(1900.0)
    assert db.read(lambda tx: tx.execute("SELECT name FROM lease")) == [("new",)]


def test_a_lease_from_before_the_clock_was_set_back_holds_nobody_up(one: Leases, two: Leases, clock: Clock) -> None:
    assert one.take("job", 10)
    clock.now -= 3600
    assert two.take("job", 10)
    assert not one.take("job", 10)


def test_clocks_of_two_servers_may_differ_a_little(db: Database, one: Leases, clock: Clock) -> None:
    assert one.hold("job", 10)
    behind = Leases(db, "two", lambda: clock.now - 60)
    assert not behind.take("job", 10)
    assert not behind.hold("job", 10)
