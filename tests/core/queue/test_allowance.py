"""A run that carries no more than one session of its sender: the rest waits for the next run, the oldest in front."""

from __future__ import annotations

import pytest

from postroom.mail.sending import AttemptPlan, SessionBounds
from postroom.queue.allowance import Allowance
from postroom.sending.windows import Rate
from tests.core.queue.office import LATER, Office


def run(office: Office, bounds: SessionBounds) -> list[list[str]]:
    """What leaves in one run, message by message."""
    office.sender.bounds, office.line.immediate = bounds, False
    office.sender.sent.clear()
    office.line.run_started = office.now
    office.work()
    office.desk.rest(office.line)
    office.line.run_started = 0
    office.wait(1)
    return [[one.address for one in sent.recipients] for sent in office.sender.sent]


def fill(office: Office, count: int) -> None:
    for number in range(count):
        office.put("ann@our.test", f"{number}@far.test")
        office.wait(1)


def test_a_run_leaves_the_rest_to_the_next_and_the_oldest_go_first(office: Office) -> None:
    fill(office, 5)
    bounds = SessionBounds(2, 100, 100, leave_rest=True)
    assert run(office, bounds) == [["0@far.test"], ["1@far.test"]]
    assert [office.rows("outgoing_recipient", "attempts, lease_owner"), office.line.held] == [[(0, "")] * 3, 0]
    fill(office, 1)
    assert run(office, bounds) == [["2@far.test"], ["3@far.test"]]
    assert run(office, bounds) == [["4@far.test"], ["0@far.test"]]
    assert office.rows("outgoing") == []


def test_a_run_without_that_wish_carries_everything(office: Office) -> None:
    fill(office, 5)
    assert len(run(office, SessionBounds(2, 100, 100))) == 5


def test_a_permanent_line_carries_everything(office: Office) -> None:
    office.sender.bounds = SessionBounds(2, 100, 100, leave_rest=True)
    fill(office, 5)
    office.work()
    assert office.rows("outgoing") == []


def test_a_message_for_many_goes_as_far_as_recipients_are_left(office: Office) -> None:
    office.put("ann@our.test", *(f"{number}@far.test" for number in range(5)))
    bounds = SessionBounds(10, 3, 100, leave_rest=True)
    assert [run(office, bounds), run(office, bounds)] == [[["0@far.test", "1@far.test", "2@far.test"]], [["3@far.test", "4@far.test"]]]
    assert office.rows("outgoing") == []


def test_what_is_put_off_by_a_plugin_does_not_count(office: Office) -> None:
    fill(office, 3)
    skipped = iter([True])
    office.ask.changes["attempt_starting"] = lambda plan: AttemptPlan(skip=next(skipped, False))
    assert run(office, SessionBounds(2, 100, 100, leave_rest=True)) == [["1@far.test"], ["2@far.test"]]


def test_a_plugin_may_want_it_for_a_run(office: Office) -> None:
    fill(office, 3)
    office.ask.changes["sender_starting"] = lambda bounds: SessionBounds(1, 100, 100, leave_rest=True)
    assert run(office, SessionBounds(100, 100, 100)) == [["0@far.test"]]


def test_what_is_left_does_not_count_for_the_rate(office: Office) -> None:
    fill(office, 3)
    office.sender.rules = office.sender.rules.__class__(rate=Rate(10, None, 3600.0))
    assert len(run(office, SessionBounds(1, 100, 100, leave_rest=True))) == 1
    assert office.rows("sent", "messages, recipients") == [(1, 1)]


def test_a_retry_counts_and_keeps_its_place(office: Office) -> None:
    office.sender.script["0@far.test"] = [LATER]
    fill(office, 2)
    bounds = SessionBounds(1, 100, 100, leave_rest=True)
    assert [run(office, bounds), run(office, bounds)] == [[["0@far.test"]], [["1@far.test"]]]
    office.wait(3600)
    fill(office, 1)
    office.sender.script.clear()
    assert run(office, bounds) == [["0@far.test"]]


@pytest.mark.parametrize(
    ("bounds", "wanted", "taken"),
    [
        ((10, 100, 20), [100], [100]),  # five messages
        ((4, 100, 20), [100, 1], [80, 0]),
        ((5, 30, 20), [25, 25], [25, 5]),
        ((2, 100, 20), [1, 1, 1], [1, 1, 0]),
    ],
)
def test_an_allowance_counts_messages_as_the_server_gets_them(bounds: tuple[int, int, int], wanted: list[int], taken: list[int]) -> None:
    allowance = Allowance(*bounds)
    assert [allowance.take(count) for count in wanted] == taken
    for count in taken:
        allowance.give_back(count)
    assert allowance == Allowance(*bounds)
