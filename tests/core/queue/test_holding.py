"""A hold with an end that begins while a message is being sent."""

from __future__ import annotations

from postroom.queue.holding import wait_on
from postroom.queue.letter import HELD
from tests.core.queue.office import LATER, OK, Office


def held_during_an_attempt(office: Office) -> int:
    """A message that was held for an hour while an attempt was under way, which has failed for now."""
    office.sender.script["joe@far.test"] = [LATER, OK]
    number = office.put("ann@our.test", "joe@far.test")
    office.work(settle=False)
    office.out.hold(number, office.now, until=office.now + 3_600_000)
    office.desk.settle(list(office.unsettled))
    office.unsettled.clear()
    return number


def test_a_hold_with_an_end_that_begins_during_an_attempt_lasts_to_its_end(office: Office) -> None:
    number = held_during_an_attempt(office)
    wait_on(office.db, office.now)
    office.wait(3590)
    assert office.work() == 0
    assert office.out.show(number, office.now)[0].state == "held on timer"
    office.wait(11)
    assert office.work() == 1
    assert office.rows("outgoing") == []


def test_its_end_is_shown_and_kept_until_somebody_has_looked(office: Office) -> None:
    number = held_during_an_attempt(office)
    end = office.now + 3_600_000 - 1
    office.wait(600)
    letter, (one,) = office.out.show(number, office.now)
    assert (letter.state, one.state, abs(one.next_try - end) < 10) == ("held on timer", "held on timer", True)
    assert office.work() == 0


def test_it_holds_also_what_an_attempt_gives_back(office: Office) -> None:
    number = office.put("ann@our.test", "joe@far.test")
    office.desk.fetch(office.line)
    office.out.hold(number, office.now, until=office.now + 3_600_000)
    office.desk.give_back(office.line.clear())
    wait_on(office.db, office.now)
    assert office.work() == 0
    office.wait(3601)
    assert office.work() == 1


def test_it_ends_when_the_message_is_released(office: Office) -> None:
    number = held_during_an_attempt(office)
    office.out.release(number, office.now)
    assert office.work() == 1


def test_what_is_being_sent_is_left_alone(office: Office) -> None:
    number = office.put("ann@our.test", "joe@far.test")
    office.work(settle=False)
    office.out.hold(number, office.now, until=office.now + 3_600_000)
    wait_on(office.db, office.now)
    assert office.rows("outgoing_recipient", "state") == [(HELD,)]
