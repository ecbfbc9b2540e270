"""What the administrator sees of the queue and does to it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from postroom.mail.delivery import Route, ToQueue, TryLater
from postroom.mail.envelope import Recipient
from postroom.mail.reply import Reply
from postroom.queue.letter import HELD_BY_SURGE
from postroom.queue.manage import NotQueued
from postroom.queue.surge import release
from postroom.store.traces import Traces, record
from tests.core.queue.office import LATER, OK, Office

DAY = 86_400
GONE = TryLater(Reply(451, "4.4.1", "No route to host"), "mx.test[192.0.2.1]:25", kind="connect")


def test_the_list_shows_the_columns_of_the_grid(office: Office) -> None:
    number = office.put(
        "ann@our.test", "joe@far.test", "jim@far.test", user="ann", data=b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHi\r\n"
    )
    (row,) = office.out.messages(office.now)
    assert (row.id, row.state, row.address, row.user, row.sender, row.subject) == (
        number,
        "waiting",
        "192.0.2.9",
        "ann",
        "ann@our.test",
        "Grüße",
    )
    assert (row.recipients, row.to, row.size, row.queued_at, row.next_try) == (2, "jim@far.test", 68, office.now, office.now)


def test_a_report_that_waits_comes_from_unknown(office: Office) -> None:
    submission = office.submission("", "joe@far.test")
    submission.client = None
    office.queue.put(submission)
    assert office.out.messages(office.now)[0].address == "unknown"


def test_one_message_is_shown_with_what_the_servers_said(office: Office) -> None:
    office.sender.script["joe@far.test"] = [LATER]
    number = office.put("ann@our.test", "joe@far.test")
    office.work()
    letter, (one,) = office.out.show(number, office.now)
    assert (letter.state, letter.attempts) == ("waiting", 1)
    assert (one.address, one.attempts, one.last_reply, one.last_server) == (
        "joe@far.test",
        1,
        "451 4.7.1 Greylisted, come back",
        "mx.test[192.0.2.1]:25",
    )
    assert (one.last_try, one.next_try > office.now) == (office.now, True)


def test_what_is_claimed_is_being_sent(office: Office) -> None:
    number = office.put("ann@our.test", "joe@far.test")
    office.desk.fetch(office.line)
    letter, (one,) = office.out.show(number, office.now)
    assert letter.state == one.state == "being sent"


def test_a_held_message_is_not_sent_until_it_is_released(office: Office) -> None:
    number = office.put("ann@our.test", "joe@far.test")
    office.wait(1)
    office.out.hold(number, office.now)
    office.wait(90_000)
    assert office.work() == 0
    assert office.out.show(number, office.now)[0].state == "held"
    office.out.release(number, office.now)
    assert office.work() == 1
    assert office.rows("outgoing") == []
    assert office.events(number) == ["accepted", "held", "released", "delivered"]


def test_a_message_held_on_a_timer_goes_when_its_time_has_come(office: Office) -> None:
    number = office.put("ann@our.test", "joe@far.test")
    office.out.hold(number, office.now, until=office.now + 3_600_000)
    assert office.out.show(number, office.now)[0].state == "held on timer"
    assert office.work() == 0
    office.wait(3601)
    office.sender.script["joe@far.test"] = [LATER]
    assert office.work() == 1
    assert office.out.show(number, office.now)[0].state == "waiting"


def test_a_message_that_is_held_while_it_is_being_sent_stays_held_after_a_temporary_failure(office: Office) -> None:
    office.sender.script["joe@far.test"] = [LATER]
    number = office.put("ann@our.test", "joe@far.test")
    office.work(settle=False)
    office.out.hold(number, office.now)
    office.desk.settle(list(office.unsettled))
    office.wait(90_000)
    assert office.work() == 0
    assert office.out.show(number, office.now)[0].state == "held"


def test_retry_makes_a_waiting_message_due_and_leaves_a_held_one(office: Office) -> None:
    office.sender.script["joe@far.test"] = [LATER]
    number = office.put("ann@our.test", "joe@far.test")
    office.work()
    office.out.retry(number, office.now)
    assert office.work() == 1
    office.out.hold(number, office.now)
    office.out.retry(number, office.now)
    assert office.work() == 0


def test_retry_leaves_what_is_held_on_a_timer(office: Office) -> None:
    number = office.put("ann@our.test", "joe@far.test")
    office.out.hold(number, office.now, until=office.now + 3_600_000)
    office.out.retry(number, office.now)
    assert office.work() == 0
    assert office.out.show(number, office.now)[0].state == "held on timer"
    assert office.events(number) == ["accepted", "held"]


def test_retry_tries_a_site_that_is_down_at_once(office: Office) -> None:
    office.sender.script["joe@far.test"] = [GONE, OK]
    number = office.put("ann@our.test", "joe@far.test")
    office.work()
    office.wait(10)
    assert office.work() == 0
    office.out.retry(number, office.now)
    office.work()
    assert not office.rows("outgoing")


def test_a_site_that_is_back_does_not_let_go_what_is_held_on_a_timer(office: Office) -> None:
    office.sender.script["joe@far.test"] = [GONE, OK]
    number = office.put("ann@our.test", "joe@far.test")
    office.work()
    office.out.hold(number, office.now, until=office.now + 86_400_000)
    office.desk.sites.works("Relay", "")
    assert office.work() == 0
    assert office.out.messages(office.now)[0].state == "held on timer"


def test_the_list_is_that_of_one_queue_or_of_all(office: Office) -> None:
    both = Route((ToQueue("joe@far.test"), ToQueue("jim@lan.test", "LAN")))
    number, other = office.put("ann@our.test", Recipient("team@our.test", route=both)), office.put("ann@our.test", "joe@far.test")
    found = [(row.id, row.channel, row.to, row.recipients) for row in office.out.messages(office.now, channel=None)]
    assert sorted(found) == sorted(
        [(number, "LAN", "jim@lan.test", 1), (number, "out", "joe@far.test", 1), (other, "out", "joe@far.test", 1)]
    )
    assert [(row.id, row.to) for row in office.out.messages(office.now)] == sorted([(number, "joe@far.test"), (other, "joe@far.test")])
    assert [(row.id, row.to) for row in office.out.messages(office.now, channel="LAN")] == [(number, "jim@lan.test")]
    assert office.out.show(number, office.now)[0].recipients == 2


def test_a_server_that_a_rule_names_is_shown_without_its_password(office: Office) -> None:
    route = Route((ToQueue("jim@lan.test", "LAN", via="fred:secret@192.168.1.5:25"),))
    number = office.put("ann@our.test", Recipient("jim@our.test", route=route))
    (one,) = office.out.show(number, office.now)[1]
    assert (one.channel, "192.168.1.5" in one.via, "secret" in one.via) == ("LAN", True, False)


def test_the_list_says_why_a_message_is_held(office: Office) -> None:
    number = office.put("ann@our.test", "joe@far.test")
    assert office.out.messages(office.now)[0].reason == ""
    office.wait(1)
    office.out.hold(number, office.now)
    assert office.out.messages(office.now)[0].reason == "held by hand"
    office.wait(1)
    office.db.write(lambda tx: record(tx, number, office.now, "held", {"reason": "far too much"}))
    assert office.out.show(number, office.now)[0].reason == "far too much"
    Traces(office.db).forget(time.time() + 60)  # ids are of real time
    assert office.out.messages(office.now)[0].reason == ""


@pytest.mark.parametrize(("priority", "place"), [(100, 0), (51, 0), (50, 1), (49, 2), (1, 2)])
def test_a_priority_moves_a_message_before_or_behind_the_others(office: Office, priority: int, place: int) -> None:
    number = office.put("ann@our.test", "joe@far.test", "jim@far.test")
    office.wait(1)
    office.out.set_priority(number, office.now, priority)
    assert office.out.show(number, office.now)[0].priority == priority
    assert office.rows("outgoing_recipient", "rank") == [(place,), (place,)]
    assert office.events(number) == ["accepted", "priority"]


def test_removing_leaves_nothing_and_tells_nobody(office: Office) -> None:
    ann = office.user("ann")
    number = office.put("ann@our.test", "joe@far.test")
    office.out.remove(number, office.now, bounce=False)
    assert office.rows("outgoing") == office.rows("outgoing_recipient") == []
    assert office.inbox(ann) == []


def test_removing_with_a_bounce_sends_a_report_from_the_running_server(office: Office) -> None:
    ann = office.user("ann")
    number = office.put("ann@our.test", "joe@far.test")
    office.out.hold(number, office.now)
    office.out.remove(number, office.now, bounce=True)
    assert office.work() == 0
    (report,) = office.inbox(ann)
    assert b"The administrator removed the message" in report
    assert b"recipient's mail server" not in report  # nobody has refused it
    assert office.sender.sent == []
    assert office.rows("outgoing") == []


def test_a_bounce_that_is_wanted_during_an_attempt_follows_it_at_once(office: Office) -> None:
    ann = office.user("ann")
    office.sender.script["joe@far.test"] = [LATER]
    number = office.put("ann@our.test", "joe@far.test")
    office.work(settle=False)
    office.out.remove(number, office.now, bounce=True)
    office.desk.settle(list(office.unsettled))
    office.unsettled.clear()
    assert office.work() == 0
    assert len(office.inbox(ann)) == 1
    assert office.rows("outgoing") == []


def test_an_outcome_for_a_message_that_was_removed_meanwhile_is_only_traced(office: Office) -> None:
    ann = office.user("ann")
    number = office.put("ann@our.test", "joe@far.test")
    office.desk.fetch(office.line)
    task = office.line.next()
    assert task is not None
    office.wait(0.001)
    office.out.remove(number, office.now, bounce=False)
    office.wait(0.001)
    finished = office.desk.attempt(office.line, task)
    assert finished is not None
    office.desk.settle([finished])
    assert office.events(number) == ["accepted", "removed", "delivered"]
    assert office.inbox(ann) == []


@pytest.mark.parametrize("action", ["show", "hold", "release", "retry"])
def test_a_message_that_is_not_in_the_queue_is_said_so(office: Office, action: str) -> None:
    actions: dict[str, Callable[..., object]] = {
        "show": office.out.show,
        "hold": office.out.hold,
        "release": office.out.release,
        "retry": office.out.retry,
    }
    with pytest.raises(NotQueued):
        actions[action](123, office.now)
    with pytest.raises(NotQueued):
        office.out.set_priority(123, office.now, 70)
    with pytest.raises(NotQueued):
        office.out.remove(123, office.now, bounce=True)


@pytest.mark.parametrize("how", ["by hand", "on a timer", "by a surge"])
def test_what_was_held_for_long_has_all_its_time_when_it_is_let_go(office: Office, how: str) -> None:
    office.sender.script["joe@far.test"] = [LATER]
    number = office.put("ann@our.test", "joe@far.test", user="ann")
    office.out.hold(number, office.now, office.now + 6 * DAY * 1000 if how == "on a timer" else 0)
    if how == "by a surge":
        office.db.write(lambda tx: tx.do("UPDATE outgoing SET held = ?", (HELD_BY_SURGE,)))
    office.wait(6 * DAY)
    if how == "by hand":
        office.out.release(number, office.now)
    release(office.db, "ann", office.now)
    office.work()
    assert office.events(number)[-1] == "deferred"
    for _ in range(70):
        office.wait(2 * 3600)
        office.work()
    assert office.events(number)[-2:] == ["failed", "reported"]
