"""Mail that no connection takes: its sender is told of the delay, and in the end that it was given up."""

from __future__ import annotations

import pytest

from postroom.cli.standing import standing
from postroom.mail.delivery import Route, ToQueue
from postroom.mail.envelope import Recipient
from postroom.provided import SendingRules
from postroom.queue.line import Line
from postroom.queue.untaken import Untaken
from postroom.sending.filtering import Filter
from postroom.store.traces import Traces
from tests.core.queue.office import FakeSender, Office

HOUR, DAY = 3600, 86400
WORDS = "451 4.4.4 No connection of this server takes this message"


@pytest.fixture
def picky(office: Office) -> Office:
    """Its one connection takes mail for near.test only."""
    office.sender.rules = SendingRules(takes=Filter.parse("# near\nAttempt: Recipient: *@near.test\nSkip: All"))
    return office


def look(office: Office) -> None:
    office.work()
    Untaken(office.desk).look()


def test_the_sender_is_told_of_the_delay_once(picky: Office) -> None:
    ann = picky.user("ann")
    picky.put("ann@our.test", "joe@far.test")
    for _ in range(3):
        picky.wait(5 * HOUR)
        look(picky)
    (report,) = picky.inbox(ann)
    assert (b"Action: delayed" in report, b"No connection of this server takes" in report, b"Attempt:" in report) == (True, True, False)
    assert picky.rows("outgoing_recipient", "attempts, warned, lease_owner, last_reply") == [(0, 1, "", WORDS)]


def test_it_is_given_up_at_the_end_of_its_time(picky: Office) -> None:
    ann = picky.user("ann")
    number = picky.put("ann@our.test", "joe@far.test")
    for _ in range(2):
        picky.wait(13 * HOUR)
        look(picky)
    assert picky.rows("outgoing") == []
    assert b"Action: failed" in picky.inbox(ann)[-1]
    assert b"Status: 4.4.7" in picky.inbox(ann)[-1]
    assert (picky.events(number)[-2:], picky.sender.sent) == (["failed", "reported"], [])


def test_the_trace_says_which_line_of_which_filter_is_the_reason(picky: Office) -> None:
    number = picky.put("ann@our.test", "joe@far.test")
    picky.wait(5 * HOUR)
    look(picky)
    (event,) = [one for one in Traces(picky.db).life(number) if one.event == "left"]
    reason = "no connection takes it: Internet (sender Relay): line 3: Skip: All"
    assert event.detail == {"to": [{"rcpt": "joe@far.test", "reason": reason}]}


def test_how_it_stands_is_said_of_what_waits(picky: Office) -> None:
    number = picky.put("ann@our.test", "joe@far.test")
    picky.wait(5 * HOUR)
    look(picky)
    picky.wait(61)
    item, (one,) = picky.out.show(number, picky.now)
    assert (item.reason, picky.out.messages(picky.now)[0].reason) == (WORDS, WORDS)
    assert standing(item, one, "x", picky.now) == f"not tried yet: {WORDS}"


def test_what_a_connection_takes_is_left_alone_however_long_it_waits(picky: Office) -> None:
    ann = picky.user("ann")
    picky.put("ann@our.test", "joe@near.test")
    picky.wait(10 * DAY)
    Untaken(picky.desk).look()
    assert (picky.inbox(ann), len(picky.rows("outgoing"))) == ([], 1)
    assert picky.work() == 1


def test_another_connection_may_take_it(picky: Office) -> None:
    ann = picky.user("ann")
    picky.desk.lines.append(Line("Rest", FakeSender(), immediate=False))
    picky.put("ann@our.test", "joe@far.test")
    picky.wait(10 * DAY)
    Untaken(picky.desk).look()
    assert picky.inbox(ann) == []


def test_it_still_goes_when_a_connection_takes_it_later(picky: Office) -> None:
    picky.user("ann")
    picky.put("ann@our.test", "joe@far.test")
    picky.wait(5 * HOUR)
    look(picky)
    picky.sender.rules = SendingRules()
    picky.wait(61)
    assert picky.work() == 1
    assert picky.rows("outgoing") == []


def test_mail_of_a_queue_that_nothing_empties_is_told_too(office: Office) -> None:
    ann = office.user("ann")
    office.put("ann@our.test", Recipient("jim@lan.test", route=Route((ToQueue("jim@lan.test", "LAN"),))))
    office.wait(2 * DAY)
    look(office)
    assert b"Action: failed" in office.inbox(ann)[-1]


def test_a_size_that_no_connection_takes_is_a_reason(picky: Office) -> None:
    large = FakeSender()
    large.rules = SendingRules(takes=Filter.parse("Attempt: Recipient: *@near.test"))
    picky.sender.rules = SendingRules(max_size=10)
    picky.desk.lines.append(Line("Large", large))
    number = picky.put("ann@our.test", "joe@far.test")
    picky.wait(5 * HOUR)
    look(picky)
    assert "larger than max_message_size" in str(Traces(picky.db).life(number))
