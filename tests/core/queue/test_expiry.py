"""Mail with a time to live leaves the queue when it is over, and nobody is told."""

from __future__ import annotations

import pytest

from postroom.mail.delivery import Route, ToQueue
from postroom.mail.envelope import Recipient
from postroom.mail.sending import AttemptPlan
from postroom.queue.expiry import expire
from postroom.store.database import Database
from tests.core.queue.office import LATER, OK, Office


def with_end(office: Office, seconds: float) -> int:
    number = office.put("ann@our.test", "joe@far.test")
    office.db.write(lambda tx: tx.execute("UPDATE outgoing SET delete_at = ?", (office.now + int(seconds * 1000),)))
    return number


def test_it_is_removed_when_its_turn_comes(office: Office) -> None:
    number = with_end(office, -1)
    office.work()
    assert (office.rows("outgoing"), office.sender.sent) == ([], [])
    assert office.events(number)[-1] == "removed"


def test_it_is_removed_while_it_waits(office: Office) -> None:
    office.sender.script["joe@far.test"] = [LATER]
    number = with_end(office, 10)
    office.work()
    office.wait(11)
    assert expire(office.db, office.now) == 1
    assert office.rows("outgoing_recipient") == []
    assert office.events(number)[-1] == "removed"


def test_it_stays_while_it_is_being_sent(office: Office, db: Database) -> None:
    with_end(office, 10)
    office.desk.fetch(office.line)
    office.wait(11)
    assert expire(office.db, office.now) == 0


def test_a_plugin_may_delete_it_instead_of_sending_it(office: Office) -> None:
    office.ask.changes["attempt_starting"] = lambda plan: AttemptPlan(delete=True, reason="nobody wants it")
    number = office.put("ann@our.test", "joe@far.test")
    office.work()
    assert (office.rows("outgoing"), office.sender.sent) == ([], [])
    assert office.events(number)[-1] == "removed"


def test_a_plugin_may_put_it_off_and_that_is_no_attempt(office: Office) -> None:
    office.ask.changes["attempt_starting"] = lambda plan: AttemptPlan(skip=True, hold_until=office.clock() + 500)
    office.put("ann@our.test", "joe@far.test")
    office.work()
    office.ask.changes.clear()
    assert office.rows("outgoing_recipient", "attempts, next_try") == [(0, office.now + 500_000)]
    office.wait(501)
    office.work()
    assert list(office.sender.taken) == ["joe@far.test"]


def test_a_plugin_may_make_an_attempt_the_last(office: Office) -> None:
    ann = office.user("ann")
    office.ask.changes["attempt_starting"] = lambda plan: AttemptPlan(last_try=True)
    office.sender.script["joe@far.test"] = [LATER]
    office.put("ann@our.test", "joe@far.test")
    office.work()
    assert office.rows("outgoing") == []
    assert b"Action: failed" in office.inbox(ann)[0]


def test_a_message_that_is_skipped_again_and_again_for_one_reason_is_traced_once(office: Office) -> None:
    reasons = iter(["not by day", "not by day", "not by day", "not on Sundays", "not on Sundays"])
    office.ask.changes["attempt_starting"] = lambda plan: AttemptPlan(skip=True, reason=next(reasons))
    number = office.put("ann@our.test", "joe@far.test")
    for _ in range(5):
        office.work()
        office.wait(61)
    assert office.events(number) == ["accepted", "left", "left"]


def test_an_attempt_knows_its_sender_and_connection(office: Office) -> None:
    office.put("ann@our.test", "joe@far.test")
    office.work()
    assert [(one.by, one.connection) for one in office.sender.sent] == [("Relay", "Internet")]


def test_an_attempt_by_a_queue_of_its_own_has_no_connection(office: Office) -> None:
    office.line.channel = "LAN"
    office.put("ann@our.test", Recipient("joe@far.test", route=Route((ToQueue("joe@far.test", "LAN"),))))
    office.work()
    assert [(one.by, one.connection) for one in office.sender.sent] == [("Relay", "")]


def test_an_attempt_knows_when_the_one_before_was(office: Office) -> None:
    office.sender.script["joe@far.test"] = [LATER, OK]
    office.put("ann@our.test", "joe@far.test")
    office.work()
    first = office.now
    office.wait(600)
    office.work()
    assert [one.recipients[0].last_try for one in office.sender.sent] == [0.0, first / 1000]


def test_a_plugin_may_change_the_priority(office: Office) -> None:
    office.ask.changes["attempt_starting"] = lambda plan: AttemptPlan(skip=True, priority=90)
    office.put("ann@our.test", "joe@far.test")
    office.work()
    assert office.rows("outgoing", "priority") == [(90,)]
    assert office.rows("outgoing_recipient", "rank") == [(0,)]


def test_a_plugin_may_change_the_return_path(office: Office) -> None:
    office.ask.changes["return_path"] = lambda path: "SRS0=x@our.test"
    office.put("ann@our.test", "joe@far.test")
    office.work()
    assert [(sent.sender, sent.mail_from) for sent in office.sender.sent] == [("ann@our.test", "SRS0=x@our.test")]


def test_what_is_being_sent_does_not_keep_the_rest(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.queue.expiry.AT_ONCE", 1)
    with_end(office, 10)
    office.desk.fetch(office.line)
    with_end(office, 10)
    office.wait(11)
    assert expire(office.db, office.now) == 1
