"""How guessers are slowed down, and who is not."""

from __future__ import annotations

import pytest

from postroom.throttle import FORGET_AFTER, FREE_FAILURES, LONGEST_DELAY, LONGEST_WAIT, Throttle, network_of


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def fail(throttle: Throttle, times: int, name: str = "fred", address: str = "192.0.2.1") -> None:
    for _ in range(times):
        throttle.failed(throttle.keys(name, address))


def wait(throttle: Throttle, name: str = "fred", address: str = "192.0.2.1") -> float | None:
    return throttle.reserve(throttle.keys(name, address))


def test_nobody_waits_without_failures(throttle: Throttle) -> None:
    assert [wait(throttle) for _ in range(100)] == [0.0] * 100


def test_a_few_mistypes_cost_nothing(throttle: Throttle) -> None:
    fail(throttle, FREE_FAILURES)
    assert wait(throttle) == 0.0


def test_the_delay_of_a_name_grows_from_any_address_up_to_a_bound(throttle: Throttle, clock: Clock) -> None:
    delays = []
    fail(throttle, FREE_FAILURES)
    for number in range(8):
        fail(throttle, 1, address=f"192.0.2.{number}")
        delays.append(wait(throttle, address="198.51.100.1"))
        clock.now += 60
    assert delays == [0.5, 1.0, 2.0, 4.0, LONGEST_DELAY, LONGEST_DELAY, LONGEST_DELAY, LONGEST_DELAY]


def test_an_address_that_tries_many_names_waits_for_any_name(throttle: Throttle) -> None:
    for number in range(14):
        fail(throttle, 1, name=f"user{number}")
    assert wait(throttle, name="another") == 4.0
    assert wait(throttle, name="another", address="192.0.2.99") == 0.0


def test_parallel_attempts_stand_in_a_queue_and_then_are_refused(throttle: Throttle) -> None:
    fail(throttle, 20)
    waits = [wait(throttle) for _ in range(5)]
    assert waits == [8.0, 16.0, None, None, None]
    assert LONGEST_WAIT == 20.0


def test_failures_are_forgotten_in_time(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 20)
    clock.now += FORGET_AFTER + 1
    assert wait(throttle) == 0.0


def test_guessing_at_a_name_does_not_lock_its_user_out_where_he_logs_in(throttle: Throttle) -> None:
    throttle.succeeded("fred", "198.51.100.1")
    fail(throttle, 50)
    assert wait(throttle) == LONGEST_DELAY
    assert wait(throttle, address="198.51.100.1") == 0.0


def test_a_neighbour_who_guesses_does_not_slow_known_users_of_the_same_address(throttle: Throttle) -> None:
    throttle.succeeded("fred", "198.51.100.1")
    fail(throttle, 50, name="karen", address="198.51.100.1")
    assert wait(throttle, address="198.51.100.1") == 0.0
    assert wait(throttle, name="joe", address="198.51.100.1") == LONGEST_DELAY


def test_a_known_pair_is_slowed_down_by_its_own_failures(throttle: Throttle) -> None:
    throttle.succeeded("fred", "192.0.2.1")
    fail(throttle, 20)
    assert wait(throttle) == LONGEST_DELAY
    assert wait(throttle, address="192.0.2.2") == 0.0


def test_loopback_stands_for_many_clients_so_only_names_count_there(throttle: Throttle) -> None:
    for number in range(50):
        fail(throttle, 1, name=f"user{number}", address="127.0.0.1")
    assert wait(throttle, name="another", address="127.0.0.1") == 0.0


def test_memory_is_bounded(clock: Clock) -> None:
    throttle = Throttle(clock, max_keys=100)
    for number in range(1000):
        fail(throttle, 1, name=f"user{number}", address=f"10.0.{number // 250}.{number % 250}")
        throttle.succeeded(f"good{number}", "192.0.2.1")
    assert len(throttle._records) == len(throttle._known) == 100


def test_the_most_active_guesser_is_not_the_one_forgotten(clock: Clock) -> None:
    throttle = Throttle(clock, max_keys=100)
    for number in range(200):
        fail(throttle, 1, name="fred")
        fail(throttle, 1, name=f"user{number}", address=f"10.0.0.{number}")
    assert wait(throttle) == LONGEST_DELAY


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("127.0.0.2", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("unix", "loopback"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network
