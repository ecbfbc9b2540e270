"""From the queue to the sender and back: outcomes, retries, leases, faults."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from postroom.asking import PluginFault
from postroom.mail.delivery import Delivered, Failed, Outcome, TryLater
from postroom.mail.envelope import Recipient
from postroom.mail.reply import Reply
from postroom.mail.sending import AttemptPlan
from postroom.queue import claim
from postroom.queue.desk import BATCH, LEASE
from postroom.store.database import Database, StoreUnavailable
from postroom.store.traces import Traces
from tests.core.queue.office import LATER, NEVER, OK, Office, refused

HOUR = 3600.0


def test_a_delivered_message_leaves_the_queue_and_its_trace_says_so(office: Office) -> None:
    number = office.put("ann@our.test", "joe@far.test")
    assert office.work() == 1
    assert office.sender.taken["joe@far.test"] == [b"Received: from pc.test\r\nSubject: Hi\r\n\r\nHello\r\n"]
    assert office.rows("outgoing") == office.rows("outgoing_recipient") == []
    assert office.events(number) == ["accepted", "delivered"]
    assert ("delivery_finished", {"trace": office.sender.sent[0].trace, "recipient": "joe@far.test", "outcome": OK}) in office.ask.told


def story(office: Office, number: int, event: str) -> dict[str, Any]:
    """What the trace of a message tells of its last event of this name."""
    return [one.detail for one in Traces(office.db).life(number) if one.event == event][-1]


def test_the_trace_names_the_sender(office: Office) -> None:
    office.sender.script["joe@far.test"] = [LATER, OK]
    number = office.put("ann@our.test", "joe@far.test", "jim@far.test")
    office.work()
    assert (story(office, number, "delivered")["by"], story(office, number, "deferred")["by"]) == ("Relay", "Relay")


def test_the_trace_says_that_the_time_was_up(office: Office) -> None:
    office.sender.script["joe@far.test"] = [LATER]
    number = office.put("ann@our.test", "joe@far.test")
    office.wait(office.retry.give_up + 1)
    office.work()
    assert story(office, number, "failed")["to"][0]["how"] == "given up: its time in the queue is over"


def test_the_trace_says_that_a_plugin_made_it_the_last_attempt(office: Office) -> None:
    office.ask.changes["attempt_starting"] = lambda plan: AttemptPlan(last_try=True)
    office.sender.script["joe@far.test"] = [replace(LATER, how="RCPT")]
    number = office.put("ann@our.test", "joe@far.test")
    office.work()
    assert story(office, number, "failed")["to"][0]["how"] == "RCPT; given up: a plugin has made this attempt the last"


@pytest.mark.parametrize(
    "outcome",
    [
        TryLater(Reply(451, "4.4.1", "mx.test cannot be reached"), "mx.test", "connect"),
        replace(LATER, ours=True),
        replace(NEVER, ours=True),
    ],
)
def test_a_report_puts_no_words_of_ours_into_the_mouth_of_a_server(office: Office, outcome: Outcome) -> None:
    ann = office.user("ann")
    office.sender.script["joe@far.test"] = [outcome]
    office.put("ann@our.test", "joe@far.test")
    office.wait(office.retry.give_up + 1)
    office.work()
    (report,) = office.inbox(ann)
    assert b"Our server says:" in report and b"Diagnostic-Code: x-postroom; " in report
    assert b"Remote-MTA:" not in report


def test_fresh_mail_goes_to_the_sender_without_asking_the_database(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.hand_over()
    office.put("ann@our.test", "joe@far.test", "jim@far.test")
    assert office.rows("outgoing_recipient", "lease_owner, next_try") == [("worker-1", office.now + int(LEASE * 1000))] * 2
    task = office.line.next()
    assert task is not None
    monkeypatch.setattr(office.db, "read", None)
    finished = office.desk.attempt(office.line, task)
    monkeypatch.undo()
    assert finished is not None
    office.desk.settle([finished])
    assert office.rows("outgoing") == []
    assert office.sender.taken["jim@far.test"] == [b"Received: from pc.test\r\nSubject: Hi\r\n\r\nHello\r\n"]


def test_small_messages_are_read_together_and_large_ones_when_their_turn_comes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    read = office.blobs.read
    one_by_one: list[int] = []
    monkeypatch.setattr(office.blobs, "read", lambda number: one_by_one.append(number) or read(number))
    small, large = b"Subject: Hi\r\n\r\nsmall\r\n", b"Subject: Hi\r\n\r\n" + b"x" * 10_000
    for name, data in (("a", small), ("b", small), ("c", large)):
        office.put("ann@our.test", f"{name}@far.test", data=data)
    office.work()
    assert [len(office.sender.taken[f"{name}@far.test"][0]) > 10_000 for name in "abc"] == [False, False, True]
    assert all(office.sender.taken[f"{name}@far.test"][0].endswith(small) for name in "ab")
    assert len(one_by_one) == 1


def test_recipients_of_one_site_share_a_transaction_and_other_sites_have_their_own(office: Office) -> None:
    office.sender.by_domain = True
    office.put("ann@our.test", "a@one.test", "b@two.test", "c@one.test")
    office.work()
    assert sorted(sorted(one.address for one in sent.recipients) for sent in office.sender.sent) == [
        ["a@one.test", "c@one.test"],
        ["b@two.test"],
    ]


def test_a_message_to_250_people_goes_in_transactions_of_at_most_100(office: Office) -> None:
    office.put("ann@our.test", *(f"u{n}@far.test" for n in range(250)))
    office.work()
    assert sum(len(sent.recipients) for sent in office.sender.sent) == len(office.sender.taken) == 250
    assert max(len(sent.recipients) for sent in office.sender.sent) <= 100
    assert office.rows("outgoing") == []


def test_a_temporary_failure_is_tried_again_by_the_schedule(office: Office) -> None:
    office.sender.script["joe@far.test"] = [LATER, OK]
    number = office.put("ann@our.test", "joe@far.test")
    assert office.work() == 1
    assert office.rows("outgoing_recipient", "attempts, last_reply, last_server, last_try, lease_owner") == [
        (1, "451 4.7.1 Greylisted, come back", "mx.test[192.0.2.1]:25", office.now, "")
    ]
    office.wait(50)
    assert office.work() == 0
    office.wait(20)
    assert office.work() == 1
    assert office.events(number) == ["accepted", "deferred", "delivered"]


def test_recipients_of_one_message_that_failed_together_are_tried_again_together(office: Office) -> None:
    everybody = [f"u{n}@far.test" for n in range(20)]
    office.sender.script |= {address: [LATER, OK] for address in everybody}
    office.put("ann@our.test", *everybody)
    office.work()
    assert len({row[0] for row in office.rows("outgoing_recipient", "next_try")}) == 1
    office.wait(70)
    assert office.work() == 1
    assert [len(sent.recipients) for sent in office.sender.sent] == [20, 20]


def test_recipients_of_one_message_progress_independently(office: Office) -> None:
    ann = office.user("ann")
    office.sender.script |= {"later@far.test": [LATER], "never@far.test": [NEVER]}
    number = office.put("ann@our.test", "joe@far.test", "later@far.test", "never@far.test")
    office.work()
    assert office.rows("outgoing_recipient", "address") == [("later@far.test",)]
    assert len(office.inbox(ann)) == 1
    assert office.events(number) == ["accepted", "delivered", "deferred", "failed", "reported"]


def test_a_sender_that_raises_counts_as_a_temporary_failure(office: Office) -> None:
    office.sender.script["joe@far.test"] = [ZeroDivisionError("bug"), OK]
    office.put("ann@our.test", "joe@far.test")
    office.work()
    assert office.rows("outgoing_recipient", "attempts, last_reply") == [(1, "451 4.3.0 Internal problem while sending")]


def test_an_outcome_that_the_sender_forgets_is_tried_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office.sender, "send", lambda outgoing: {})
    office.put("ann@our.test", "joe@far.test")
    office.work()
    assert office.rows("outgoing_recipient", "attempts") == [(1,)]


def test_a_worker_that_dies_loses_nothing_and_another_takes_over_when_the_lease_ends(office: Office, db: Database) -> None:
    office.put("ann@our.test", "joe@far.test")
    office.desk.fetch(office.line)  # … and dies
    other = Office(db, "worker-2", office.time)
    assert other.work() == 0
    office.wait(LEASE)
    assert other.work() == 1
    assert other.rows("outgoing") == []


def test_what_a_dead_worker_had_claimed_can_be_freed_at_once(office: Office, db: Database) -> None:
    office.put("ann@our.test", "joe@far.test")
    office.desk.fetch(office.line)
    db.write(lambda tx: claim.forfeit(tx, "worker-1", office.now))
    assert Office(db, "worker-2", office.time).work() == 1


def test_two_workers_never_claim_the_same_mail(office: Office, db: Database) -> None:
    office.put("ann@our.test", *(f"u{n}@far.test" for n in range(BATCH + 50)))
    other = Office(db, "worker-2", office.time)
    assert office.desk.fetch(office.line)
    other.desk.fetch(other.line)
    assert (len(office.desk.in_hand), len(other.desk.in_hand)) == (BATCH, 50)
    assert not office.desk.in_hand.keys() & other.desk.in_hand.keys()


def test_a_lease_that_is_renewed_is_not_taken_over(office: Office, db: Database) -> None:
    office.put("ann@our.test", "joe@far.test")
    office.desk.fetch(office.line)
    office.wait(LEASE - 1)
    office.desk.renew()
    office.wait(LEASE - 1)
    assert Office(db, "worker-2", office.time).work() == 0


def test_what_is_given_back_is_due_for_others_at_once(office: Office, db: Database) -> None:
    office.put("ann@our.test", "joe@far.test")
    office.desk.fetch(office.line)
    office.desk.give_back(office.line.clear())
    assert (office.line.held, office.desk.in_hand) == (0, {})
    assert Office(db, "worker-2", office.time).work() == 1


def test_mail_in_hand_is_not_sent_again_by_the_same_worker_when_its_lease_ran_out(office: Office) -> None:
    number = office.put("ann@our.test", "joe@far.test")
    office.work(settle=False)  # sent, and the outcome is not recorded
    office.wait(2 * LEASE)
    assert office.work() == 0
    assert len(office.sender.sent) == 1
    office.desk.settle(list(office.unsettled)) if office.unsettled else None
    assert office.rows("outgoing") == []
    assert office.events(number) == ["accepted", "delivered"]


def test_an_outcome_that_cannot_be_recorded_can_be_recorded_later_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = office.user("ann")
    office.sender.script["never@far.test"] = [NEVER]
    office.put("ann@our.test", "never@far.test")
    office.work(settle=False)
    batch = list(office.unsettled)

    def gone(*arguments: object, **more: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(office.db, "write", gone)
        with pytest.raises(StoreUnavailable):
            office.desk.settle(batch)
    office.desk.settle(batch)
    office.desk.settle(batch)  # a commit whose answer got lost is written again: no second report
    assert len(office.inbox(ann)) == 1


def test_a_report_that_cannot_be_routed_now_keeps_the_message(office: Office) -> None:
    office.ask.routes["ann@our.test"] = PluginFault("local_delivery", "route")
    office.sender.script["never@far.test"] = [NEVER]
    office.put("ann@our.test", Recipient("never@far.test"))
    with pytest.raises(PluginFault):
        office.work()
    assert len(office.rows("outgoing_recipient")) == 1


def test_after_the_time_is_up_the_message_fails_with_the_last_words(office: Office) -> None:
    ann = office.user("ann")
    office.sender.script["joe@far.test"] = [LATER]
    office.put("ann@our.test", "joe@far.test")
    for _ in range(300):
        office.work()
        office.wait(330)
    delay, failure = office.inbox(ann)
    assert b"Action: delayed\r\nStatus: 4.7.1\r\n" in delay
    assert b"Action: failed\r\nStatus: 4.4.7\r\n" in failure
    assert b"Diagnostic-Code: smtp; 451 4.7.1 Greylisted, come back" in failure
    assert office.rows("outgoing") == []


def test_the_last_attempt_falls_on_the_end_of_the_time(office: Office) -> None:
    end = office.now + 24 * 3600 * 1000
    assert office.retry.next_try(office.now, 3, end - 10_000, 7) == end
    assert office.retry.next_try(office.now, 4, end, 7) is None


def test_the_null_sender_gets_no_report(office: Office) -> None:
    office.sender.script["joe@far.test"] = [NEVER]
    number = office.put("", "joe@far.test")
    office.work()
    assert office.rows("outgoing") == []
    assert office.events(number) == ["accepted", "failed", "reported"]
    assert len(office.sender.sent) == 1


def test_a_sender_that_nobody_knows_gets_no_report_and_the_trace_says_why(office: Office) -> None:
    office.ask.routes["gone@our.test"] = refused()
    office.sender.script["joe@far.test"] = [NEVER]
    number = office.put("gone@our.test", "joe@far.test")
    office.work()
    (detail,) = [row[0] for row in office.rows("trace", "detail, trace, event") if row[1:] == (number, "reported")]
    assert "not known here: 550 5.1.1" in detail


def test_notify_never_means_no_report(office: Office) -> None:
    ann = office.user("ann")
    office.sender.script["joe@far.test"] = [NEVER]
    office.put("ann@our.test", Recipient("joe@far.test", notify="NEVER"))
    office.work()
    assert office.inbox(ann) == []


@pytest.mark.parametrize(("dsn", "reports"), [(False, 1), (True, 0)])
def test_success_is_reported_as_relayed_only_when_the_next_hop_cannot_report_itself(office: Office, dsn: bool, reports: int) -> None:
    ann = office.user("ann")
    office.sender.dsn = dsn
    office.put("ann@our.test", Recipient("joe@far.test", notify="SUCCESS,FAILURE"))
    office.work()
    assert [b"Action: relayed" in report for report in office.inbox(ann)] == [True] * reports


def test_a_report_to_a_remote_sender_leaves_through_the_queue_with_the_null_sender(office: Office) -> None:
    office.hand_over()
    office.sender.script["joe@far.test"] = [NEVER]
    office.put("ann@else.test", "joe@far.test")
    office.work()
    sent = office.sender.sent[-1]
    assert (sent.sender, [one.address for one in sent.recipients], sent.recipients[0].notify) == ("", ["ann@else.test"], "NEVER")
    assert office.rows("outgoing") == []


def test_a_full_line_takes_no_more_and_leaves_the_rest_to_others(office: Office) -> None:
    office.hand_over()
    office.line.room = 3
    for n in range(5):
        office.put("ann@our.test", f"u{n}@far.test")
    assert office.line.held == 3
    assert [row[0] for row in office.rows("outgoing_recipient", "lease_owner")].count("") == 2
    office.line.room = 200
    office.work()
    assert office.rows("outgoing") == []
    assert office.line.held == 0


def test_a_busy_site_does_not_keep_others_out(office: Office) -> None:
    office.sender.by_domain, office.line.room = True, 16
    office.line._busy["slow.test"] = office.line._windows["slow.test"] = 10
    for n in range(12):
        office.put("ann@our.test", f"u{n}@slow.test")
    office.put("ann@our.test", "joe@fast.test")
    office.work()
    assert "joe@fast.test" in office.sender.taken
    assert len(office.rows("outgoing_recipient")) == 12


@pytest.mark.parametrize("seed", range(15))
def test_random_outcomes_never_lose_a_recipient(office: Office, db: Database, seed: int) -> None:
    """Each recipient ends delivered, reported, or still queued: with crashes, raising senders and a store that comes and goes."""
    chance = random.Random(seed)
    ann = office.user("ann")
    answers: list[Outcome | Exception] = [OK, OK, LATER, NEVER, Failed(Reply(554, "", "Go away")), RuntimeError("bug")]
    workers = [office, Office(db, "worker-2", office.time)]
    workers[1].ask.routes = office.ask.routes
    everyone = set()
    for n in range(30):
        names = [f"u{n}.{m}@d{chance.randrange(4)}.test" for m in range(chance.randrange(1, 5))]
        everyone.update(names)
        for worker in workers:
            worker.sender.script |= {name: chance.choices(answers, k=3) for name in names}
            worker.sender.by_domain = chance.random() < 0.5
        if chance.random() < 0.3:
            workers[0].hand_over()
        workers[0].put("ann@our.test", *names)
        for worker in chance.sample(workers, 1):
            worker.work(settle=chance.random() < 0.7)
            if chance.random() < 0.1:  # kill -9: what was not recorded is forgotten
                worker.unsettled.clear()
                worker.desk.in_hand.clear()
                worker.line.clear()
        office.wait(chance.choice([0, 30, LEASE]))
    for worker in workers:
        worker.work()
    queued = {row[0] for row in office.rows("outgoing_recipient", "address")}
    delivered = workers[0].sender.taken.keys() | workers[1].sender.taken.keys()
    reports = b"".join(office.inbox(ann)).decode()
    reported = {name for name in everyone if f"Final-Recipient: rfc822; {name}\r\nAction: failed" in reports}
    assert everyone == queued | delivered | reported
    assert {row[0] for row in office.rows("outgoing")} == {row[0] for row in office.rows("outgoing_recipient", "outgoing_id")}


def test_no_success_is_claimed_for_what_was_not_taken(office: Office) -> None:
    office.sender.script["joe@far.test"] = [Delivered("250 ok"), LATER]
    office.put("ann@our.test", "joe@far.test")
    office.put("ann@our.test", "joe@far.test")
    office.work()
    assert len(office.sender.taken["joe@far.test"]) == 1
    assert len(office.rows("outgoing")) == 1
