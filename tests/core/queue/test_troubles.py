"""Bad moments of the queue: the database fails half-way, a lease is lost, a sender raises what nobody expects."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from postroom.mail.delivery import Delivered, Failed, NotNow, Outcome, TryLater
from postroom.mail.reply import Reply
from postroom.mail.sending import AttemptPlan, SessionBounds
from postroom.provided import SETTLED, Outgoing
from postroom.queue.desk import LEASE
from postroom.store.database import Database, StoreUnavailable
from tests.core.queue.office import OK, Office


def test_a_large_message_that_cannot_be_kept_takes_no_room_for_ever(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its beginning is in the database already; the room it was promised must come back although that cannot be removed now."""
    office.hand_over()
    submission = office.submission("a@our.test", "b@far.test", data=b"x" * 300_000)

    def gone(*arguments: Any, **more: Any) -> Any:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(office.db, "write", gone)
    with pytest.raises(StoreUnavailable):
        office.queue.put(submission)
    assert office.line.held == 0


def test_mail_whose_lease_was_lost_is_not_sent_from_memory(db: Database) -> None:
    """The database was away for longer than a lease: another worker has taken the mail over."""
    clock = [Office(db).time[0]]
    slow, other = Office(db, "slow", clock), Office(db, "other", clock)
    slow.hand_over()
    slow.put("a@our.test", "b@far.test")
    slow.wait(LEASE + 1)
    assert other.work() == 1
    slow.desk.renew()
    slow.work()
    assert len(slow.sender.sent) == 0
    assert slow.line.held == 0
    assert not slow.desk.in_hand


def test_mail_whose_lease_has_run_out_is_fetched_again_when_nobody_else_has_it(office: Office) -> None:
    office.hand_over()
    office.put("a@our.test", "b@far.test")
    office.wait(LEASE + 1)
    task = office.line.next()
    assert task is not None
    assert office.desk.attempt(office.line, task) is None
    office.line.done(task)
    office.line.forget(task)
    assert office.work() == 1
    assert len(office.sender.sent) == 1
    assert not office.rows("outgoing")


def test_whatever_a_sender_raises_the_mail_is_tried_again(office: Office) -> None:
    office.put("a@our.test", "b@far.test")
    office.sender.script["b@far.test"] = [gevent.Timeout(5)]  # type: ignore[list-item]
    original = office.sender._one

    def one(address: str, outgoing: Any) -> Any:
        answer = original(address, outgoing)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    office.sender._one = one  # type: ignore[method-assign]
    assert office.work() == 1
    [(attempts, owner)] = office.rows("outgoing_recipient", "attempts, lease_owner")
    assert (attempts, owner) == (1, "")


NO_OUTCOMES: list[Any] = [
    None, True, "250 taken", ("joe", 1), Delivered(None), Delivered("250", None), TryLater("451 later"), TryLater(Reply("451", "", "x")),  # type: ignore[arg-type]
    TryLater(Reply(451, "", "x"), kind="bored"), Failed(None), Failed(Reply(550, None, "x")), NotNow(None, 5.0), Delivered("250", "", 7),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize("answer", NO_OUTCOMES)
def test_what_is_no_outcome_is_a_fault_of_the_sender_alone(office: Office, answer: Any) -> None:
    office.put("a@our.test", "b@far.test", "c@far.test")
    office.sender.script["b@far.test"] = [answer]
    assert office.work() == 1
    found = office.rows("outgoing_recipient", "address, attempts, lease_owner, last_reply")
    assert found == [("b@far.test", 1, "", "451 4.3.0 Internal problem while sending")]
    (fault,) = [facts for event, facts in office.log.lines if event == "queue.sender_failed"]
    assert (fault["sender"], fault["plugin"], "not with Delivered" in fault["reason"]) == ("Relay", "tests", True)
    assert office.desk.sites.down == {}


@pytest.mark.parametrize("answer", [None, 7, [1, 2], ["far.test"], {}])
def test_an_answer_without_outcomes_is_tried_again_until_the_time_is_up(office: Office, answer: Any) -> None:
    ann = office.user("ann")
    office.sender.send = lambda outgoing: answer  # type: ignore[method-assign]
    office.put("ann@our.test", "b@far.test")
    assert office.work() == 1
    assert office.desk.sites.down == {}
    office.wait(office.retry.give_up + 1)
    office.work()
    assert office.rows("outgoing") == []
    assert b"Action: failed" in office.inbox(ann)[-1]


def test_what_is_delivered_before_a_sender_fails_is_not_sent_again(office: Office) -> None:
    def send(outgoing: Outgoing) -> dict[int, Outcome]:
        outgoing.notes[SETTLED] = {outgoing.recipients[0].id: OK}
        raise ValueError("a bug")

    office.put("a@our.test", "b@far.test", "c@far.test")
    office.sender.send = send  # type: ignore[method-assign]
    assert office.work() == 1
    assert office.rows("outgoing_recipient", "address, attempts") == [("c@far.test", 1)]


def test_what_is_delivered_before_the_stop_cuts_an_attempt_is_not_sent_again(office: Office) -> None:
    def send(outgoing: Outgoing) -> dict[int, Outcome]:
        outgoing.notes[SETTLED] = {outgoing.recipients[0].id: OK}
        raise gevent.GreenletExit

    office.put("a@our.test", "b@far.test", "c@far.test")
    office.sender.send = send  # type: ignore[method-assign]
    office.desk.fetch(office.line)
    task = office.line.next()
    assert task is not None
    finished = office.desk.attempt(office.line, task)
    assert finished is not None
    office.desk.settle([finished])
    assert office.rows("outgoing_recipient", "address, attempts, lease_owner") == [("c@far.test", 0, "")]


def test_a_plugin_that_plans_nonsense_costs_one_attempt_and_no_room(office: Office) -> None:
    office.ask.changes["attempt_starting"] = lambda plan: "now"
    office.put("a@our.test", "b@far.test")
    assert office.work() == 1
    assert (office.line.held, office.desk.in_hand) == (0, {})
    [(attempts, owner)] = office.rows("outgoing_recipient", "attempts, lease_owner")
    assert (attempts, owner) == (1, "")


NONSENSE: list[Any] = [1.0, -5.0, float("nan"), float("inf"), "tomorrow"]


@pytest.mark.parametrize("moment", NONSENSE)
def test_a_message_that_is_put_off_to_no_moment_that_comes_is_looked_at_again_in_a_minute(office: Office, moment: Any) -> None:
    office.ask.changes["attempt_starting"] = lambda plan: AttemptPlan(skip=True, hold_until=moment)
    office.put("a@our.test", "b@far.test")
    assert office.work() == 1
    assert office.rows("outgoing_recipient", "attempts, next_try, lease_owner") == [(0, office.now + 60_000, "")]


@pytest.mark.parametrize("moment", NONSENSE)
def test_a_sender_that_puts_mail_off_to_no_moment_that_comes_costs_nothing(office: Office, moment: Any) -> None:
    office.sender.script["b@far.test"] = [NotNow("no server", moment)]
    office.put("a@our.test", "b@far.test")
    assert office.work() == 1
    assert office.rows("outgoing_recipient", "attempts, next_try, lease_owner") == [(0, office.now + 60_000, "")]


@pytest.mark.parametrize("path", ["x@y.test\r\nRCPT TO:<z@y.test>", "no address", 7, "jös@our.test"])
def test_a_return_path_that_is_none_costs_an_attempt_and_not_the_message(office: Office, path: Any) -> None:
    office.ask.changes["return_path"] = lambda given: path
    office.put("a@our.test", "b@far.test")
    assert office.work() == 1
    assert office.sender.sent == []
    assert office.rows("outgoing_recipient", "attempts, last_reply") == [(1, "451 4.3.0 Internal problem while sending")]


@pytest.mark.parametrize("bounds", ["x", SessionBounds(None, None, None), SessionBounds(5, 0, 5)])  # type: ignore[arg-type]
def test_bounds_that_are_none_leave_those_of_the_sender(office: Office, monkeypatch: pytest.MonkeyPatch, bounds: Any) -> None:
    started: list[Any] = []
    monkeypatch.setattr(office.sender, "start", started.append)
    office.ask.changes["sender_starting"] = lambda given: bounds
    office.put("a@our.test", "b@far.test")
    assert office.work() == 1
    assert started == [office.sender.bounds]
    assert list(office.sender.taken) == ["b@far.test"]


def raises(error: BaseException) -> Any:
    def plugin(*_: Any) -> Any:
        raise error

    return plugin


def test_a_timeout_that_a_plugin_has_left_behind_costs_one_attempt_and_no_room(office: Office) -> None:
    office.ask.changes["attempt_starting"] = raises(gevent.Timeout(1))
    office.put("a@our.test", "b@far.test")
    assert office.work() == 1
    assert (office.line.held, office.desk.in_hand) == (0, {})
    assert office.rows("outgoing_recipient", "attempts, lease_owner") == [(1, "")]


@pytest.mark.parametrize("member", ["bounds", "start", "idle"])
def test_a_sender_that_fails_before_and_after_its_work_sends_all_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    broken: Any = raises(RuntimeError("a bug"))
    monkeypatch.setattr(type(office.sender), member, property(broken) if member == "bounds" else broken)
    office.put("a@our.test", "b@far.test")
    assert office.work() == 1
    office.desk.rest(office.line)
    assert list(office.sender.taken) == ["b@far.test"]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), gevent.Timeout(1), gevent.GreenletExit()])
def test_what_was_delivered_counts_whatever_fails_afterwards_or_ends_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(office.desk.sites, "works", raises(error))
    office.put("a@our.test", "b@far.test")
    assert office.work() == 1
    assert not office.rows("outgoing")


def test_what_was_fetched_with_a_crowd_gets_its_turn_though_the_crowd_cannot_be_given_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: Any) -> None:
        raise StoreUnavailable("away")

    office.put("a@our.test", "b@far.test")
    monkeypatch.setattr("postroom.queue.line.Line.crowded", lambda line, task: task.addressees[0].address == "c@far.test")
    office.put("a@our.test", "c@far.test")
    monkeypatch.setattr(office.desk.fetching, "give_back", away)
    office.work()
    assert list(office.sender.taken) == ["b@far.test"]
