"""Lines, connections and the retry schedule: pure rules."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from postroom.queue import connections
from postroom.queue.letter import Addressee, Letter, Task
from postroom.queue.line import AT_FIRST, FRESH, PER_SITE, Line
from tests.core.queue.office import FakeSender

LETTER = Letter(1, 1, b"", 10, "ann@our.test", None, "7BIT", False, False, "", "", 0)


@dataclass
class Plan:
    name: str
    sender: str | None
    default: bool = False
    immediate: bool = False


def task(site: str, number: int = 1) -> Task:
    return Task(LETTER, site, [Addressee(number, 1, f"u{number}@{site}", "")])


def line() -> Line:
    return Line("Internet", FakeSender())


def test_sites_take_turns() -> None:
    one = line()
    for site in ("a", "a", "b", "c"):
        one.add(task(site))
    assert [found.site for found in iter(one.next, None)] == ["a", "b", "c", "a"]


def test_fresh_mail_comes_from_memory_only_while_there_is_little() -> None:
    one = line()
    for n in range(FRESH - 1):
        one.add(task("slow", n))
    assert one.takes_fresh(1)
    assert not one.takes_fresh(2)
    assert one.free > FRESH


def test_no_more_run_than_the_sender_takes() -> None:
    one = line()
    for n in range(8):
        one.add(task("", n))
    running = list(iter(one.next, None))
    assert len(running) == 5
    one.done(running[0])
    assert one.next() is not None
    assert one.next() is None


def test_one_site_gets_only_its_share() -> None:
    one = line()
    one.sender.concurrency = 50
    for n in range(20):
        one.add(task("slow", n))
    assert len(list(iter(one.next, None))) == AT_FIRST


def test_a_site_that_answers_gets_one_more_when_as_many_as_that_have_gone_well() -> None:
    one = line()
    one.sender.concurrency = 50
    for n in range(20):
        one.add(task("far", n))
    for _ in range(AT_FIRST + 1):  # the first of them after the first answer, which only shows that it works
        one.went("far", well=True)
    assert len(list(iter(one.next, None))) == AT_FIRST + 1


def test_a_site_that_answers_gets_more_and_one_in_trouble_less() -> None:
    one = line()
    one.sender.concurrency = 50
    for n in range(60):
        one.add(task("far", n))
        one.went("far", well=True)
    running = list(iter(one.next, None))
    assert len(running) == PER_SITE
    for each in running:
        one.done(each)
    one.went("far", well=False)
    assert len(list(iter(one.next, None))) == PER_SITE // 2


def test_room_counts_until_the_outcome_is_recorded() -> None:
    one = line()
    first = task("a")
    one.add(first)
    assert one.next() is first
    one.done(first)
    assert (one.held, one.quiet) == (1, True)
    one.forget(first)
    assert one.held == 0


def test_a_connection_gets_its_sender_and_default_ones_come_first() -> None:
    relay, spare = FakeSender(), FakeSender()
    spare.name = "Spare"
    made = connections.lines([Plan("B", "Spare"), Plan("A", "Relay", default=True, immediate=True), Plan("C", None)], [relay, spare])
    assert [(each.name, each.sender.name, each.channel, each.immediate, each.open) for each in made] == [
        ("A", "Relay", "out", True, True),
        ("B", "Spare", "out", False, False),
    ]


def test_a_sender_without_a_connection_serves_the_channel_of_its_name() -> None:
    (made,) = connections.lines([], [FakeSender()])
    assert (made.channel, made.immediate, made.default) == ("Relay", True, False)


def test_a_connection_with_an_unknown_sender_stops_the_start() -> None:
    with pytest.raises(ValueError, match="no sender 'Rely'; there are: Relay"):
        connections.lines([Plan("A", "Rely")], [FakeSender()])


def test_a_name_means_one_connection_and_default_means_those_that_are_marked() -> None:
    plans = [Plan("A", "Relay", default=True), Plan("B", "Relay"), Plan("C", None, default=True)]
    assert connections.named(plans, "default") == ["A", "C"]
    assert connections.named(plans, "B") == ["B"]
    assert connections.named(plans, "D") == []


def test_sites_that_do_not_answer_never_take_all_connections() -> None:
    one = line()
    one.sender.concurrency = 8
    for n in range(10):
        one.went(f"dead{n}", well=False)
        one.add(task(f"dead{n}"))
        one.add(task(f"new{n}"))
    one.went("good", well=True)
    assert [found.site[:3] for found in iter(one.next, None)] == ["dea", "new", "dea", "new", "new", "new"]
    one.add(task("good"))
    one.add(task("good", 2))
    assert [found.site for found in iter(one.next, None)] == ["good", "good"]


def test_mail_for_one_site_fills_only_a_part_of_the_memory() -> None:
    one = line()
    count = 0
    while not one.crowded(task("stuck", count)):
        one.add(task("stuck", count))
        count += 1
    assert count == one.room // 8
    for _ in range(3):
        one.went("stuck", well=True)
    assert not one.crowded(task("stuck", count))  # it works: half of it
    assert not one.crowded(task("far", count))


def test_a_crowd_is_put_off_for_longer_and_longer_until_the_site_answers() -> None:
    one = line()
    assert [one.put_off("stuck") for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    one.went("stuck", well=True)
    assert one.put_off("stuck") == 1
