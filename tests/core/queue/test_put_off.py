"""Mail that a plugin puts off again and again: its sender is told of the delay and of the end, unless a hold was asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.mail.delivery import NotNow
from postroom.mail.envelope import Recipient
from postroom.store.traces import Traces
from tests.core.queue.office import Office

HOUR = 3600
NIGHT = "only by night"


@pytest.fixture
def putting_off(office: Office) -> Office:
    """A plugin skips everything, for a minute each time."""
    office.ask.changes["attempt_starting"] = lambda plan: replace(plan, skip=True, reason=NIGHT)
    return office


def hours(office: Office, count: int) -> None:
    """So much time passes, with a look every hour and one more a minute later."""
    for _ in range(count):
        office.wait(HOUR - 61)
        office.work()
        office.wait(61)
        office.work()


def test_the_sender_is_told_of_the_delay_once(putting_off: Office) -> None:
    ann = putting_off.user("ann")
    putting_off.put("ann@our.test", "joe@far.test")
    hours(putting_off, 10)
    (report,) = putting_off.inbox(ann)
    assert b"Action: delayed" in report
    assert b"Status: 4.3.0" in report
    assert b"only by night" not in report  # it is for the administrator
    assert putting_off.rows("outgoing_recipient", "attempts, warned, lease_owner, last_reply") == [(0, 1, "", NIGHT)]


def test_it_goes_back_at_the_end_of_its_time(putting_off: Office) -> None:
    ann = putting_off.user("ann")
    number = putting_off.put("ann@our.test", "joe@far.test")
    hours(putting_off, 25)
    assert (putting_off.rows("outgoing"), putting_off.sender.sent) == ([], [])
    assert b"Action: failed" in putting_off.inbox(ann)[-1]
    assert b"Status: 4.4.7" in putting_off.inbox(ann)[-1]
    (failed,) = [one.detail["to"][0] for one in Traces(putting_off.db).life(number) if one.event == "failed"]
    assert failed["how"] == "only by night; given up: its time in the queue is over"


def test_a_hold_that_was_asked_for_is_no_delay(putting_off: Office) -> None:
    ann = putting_off.user("ann")
    putting_off.ask.changes["attempt_starting"] = lambda plan: replace(plan, skip=True, hold_until=putting_off.clock() + HOUR)
    putting_off.put("ann@our.test", "joe@far.test")
    hours(putting_off, 30)
    assert (putting_off.inbox(ann), len(putting_off.rows("outgoing"))) == ([], 1)


def test_a_sender_that_leaves_it_without_end_is_told_of_too(office: Office) -> None:
    ann = office.user("ann")
    office.sender.script["joe@far.test"] = [NotNow("no server is allowed", 0.0)]
    office.put("ann@our.test", "joe@far.test")
    hours(office, 25)
    assert [b"Action: delayed" in report or b"Action: failed" in report for report in office.inbox(ann)] == [True, True]
    assert office.rows("outgoing") == []


def test_what_lets_others_go_first_is_not_put_off(office: Office) -> None:
    ann = office.user("ann")
    office.ask.changes["attempt_starting"] = lambda plan: replace(plan, priority=20)
    office.put("ann@our.test", "joe@far.test")
    office.wait(10 * HOUR)
    assert office.work() == 2  # its turn comes again at once
    assert (office.inbox(ann), list(office.sender.taken)) == ([], ["joe@far.test"])


def test_who_wants_no_report_of_a_delay_gets_none_and_the_mail_stays(putting_off: Office) -> None:
    ann = putting_off.user("ann")
    putting_off.put("ann@our.test", Recipient("joe@far.test", notify="FAILURE"))
    hours(putting_off, 10)
    assert putting_off.inbox(ann) == []
    assert putting_off.rows("outgoing_recipient", "attempts, warned, last_reply") == [(0, 0, NIGHT)]


def test_it_goes_when_the_plugin_lets_it_go_after_the_report(putting_off: Office) -> None:
    putting_off.user("ann")
    putting_off.put("ann@our.test", "joe@far.test")
    hours(putting_off, 10)
    putting_off.ask.changes.clear()
    putting_off.wait(120)
    assert putting_off.work() == 1
    assert putting_off.rows("outgoing") == []
