"""The runner: greenlets around the desk, on real time with short waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event

from postroom.mail.delivery import Outcome
from postroom.provided import Outgoing
from postroom.queue import runner as module
from postroom.queue.runner import Runner
from postroom.store.database import Database, StoreUnavailable
from tests.core.queue.office import NEVER, OK, FakeNews, Office


class Bus(FakeNews):
    """News that arrive at once."""

    def __init__(self) -> None:
        super().__init__()
        self.hearers: dict[str, list[Callable[[dict[str, Any]], None]]] = {}

    def subscribe(self, topic: str, function: Callable[[dict[str, Any]], None]) -> None:
        self.hearers.setdefault(topic, []).append(function)

    def publish(self, topic: str, **facts: Any) -> None:
        super().publish(topic, **facts)
        for function in self.hearers.get(topic, ()):
            function(facts)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        gevent.sleep(0.005)


class Running:
    """An office with a runner."""

    def __init__(self, db: Database, **line: Any) -> None:
        self.office = office = Office(db)
        office.time[0] = time.time()
        office.queue.news = office.news = self.bus = Bus()  # type: ignore[assignment]
        for name, value in line.items():
            setattr(office.line, name, value)
        self.runner = Runner(office.desk, self.bus, office.log)  # type: ignore[arg-type]

    def empty(self) -> bool:
        return not self.office.rows("outgoing")


@pytest.fixture
def running(db: Database) -> Iterator[Running]:
    here = Running(db)
    here.runner.start()
    yield here
    here.runner.stop(0.1)


def test_fresh_mail_leaves_at_once_and_its_outcome_is_recorded(running: Running) -> None:
    running.office.put("ann@our.test", "joe@far.test")
    until(running.empty)
    assert "joe@far.test" in running.office.sender.taken
    until(lambda: running.office.line.held == 0)  # the recorder goes on after its commit


def test_mail_of_other_processes_is_found_by_news(running: Running, db: Database) -> None:
    gevent.sleep(0.05)
    Office(db, "worker-2", running.office.time).put("ann@our.test", "joe@far.test")
    running.bus.publish("queue", channel="out")
    until(running.empty)


def test_a_burst_larger_than_the_room_is_all_sent(running: Running) -> None:
    running.office.line.room = 10
    for n in range(60):
        running.office.put("ann@our.test", f"u{n}@far.test")
    until(running.empty)
    assert len(running.office.sender.taken) == 60
    assert all(len(copies) == 1 for copies in running.office.sender.taken.values())


def test_a_failure_brings_its_report(running: Running) -> None:
    ann = running.office.user("ann")
    running.office.sender.script["joe@far.test"] = [NEVER]
    running.office.put("ann@our.test", "joe@far.test")
    until(running.empty)
    assert len(running.office.inbox(ann)) == 1


def test_removal_with_a_bounce_is_noticed_by_news_at_once(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 3600.0)
    gevent.sleep(0.05)  # the loops have had their first look
    running.office.queue.handover = None
    running.office.user("ann")
    running.office.line.room = 0  # nothing is claimed for sending
    number = running.office.put("ann@our.test", "joe@far.test")
    running.office.out.remove(number, running.office.now, bounce=True)
    running.bus.publish("queue")
    until(running.empty, 20)


def test_removal_with_a_bounce_is_noticed_without_news(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 0.05)
    running.office.queue.handover = None
    ann = running.office.user("ann")
    running.office.line.room = 0  # nothing is claimed for sending
    number = running.office.put("ann@our.test", "joe@far.test")
    running.office.out.hold(number, running.office.now)
    running.office.out.remove(number, running.office.now, bounce=True)
    running.bus.publish("queue")
    until(running.empty, 15)
    assert len(running.office.inbox(ann)) == 1


def test_a_timeout_that_a_plugin_has_left_behind_ends_no_loop(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    settle, told = running.office.desk.settle, list[object]()

    def timed_out(batch: Any) -> None:
        settle(batch)
        told.append(batch)
        if len(told) == 1:
            raise gevent.Timeout(1)

    monkeypatch.setattr(running.office.desk, "settle", timed_out)
    running.office.put("ann@our.test", "joe@far.test")
    until(lambda: len(told) == 2)  # once more, which changes nothing
    until(lambda: running.office.line.held == 0)
    assert running.empty()


def test_an_outcome_is_recorded_when_the_store_comes_back_and_nothing_is_sent_twice(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = running.office
    settle, failing = office.desk.settle, [True]

    def sometimes(batch: Any) -> None:
        if failing[0]:
            raise StoreUnavailable("gone")
        settle(batch)

    office.desk.settle = sometimes  # type: ignore[method-assign]
    office.put("ann@our.test", "joe@far.test")
    until(lambda: any(event == "queue.outcome_not_recorded" for event, _ in office.log.lines))
    assert not running.empty()
    failing[0] = False
    until(running.empty)
    assert len(office.sender.sent) == 1


def test_one_outcome_that_cannot_be_recorded_does_not_hold_up_the_others(running: Running) -> None:
    office = running.office
    settle, poison = office.desk.settle, [True]

    def picky(batch: Any) -> None:
        if poison[0] and any(one.task.letter.sender == "bad@our.test" for one in batch):
            raise RuntimeError("bug")
        settle(batch)

    office.desk.settle = picky  # type: ignore[method-assign]
    for sender in ("ann@our.test", "bad@our.test", "eve@our.test"):
        office.put(sender, "joe@far.test")
    until(lambda: [row[0] for row in office.rows("outgoing", "sender, id")] == ["bad@our.test"])
    poison[0] = False
    until(running.empty)
    assert len(office.sender.sent) == 3


def test_a_stop_gives_back_what_waits_and_lets_what_runs_finish(db: Database) -> None:
    here = Running(db)
    office, gate, begun = here.office, Event(), Event()

    def slow(outgoing: Outgoing) -> dict[int, Outcome]:
        begun.set()
        gate.wait()
        return {one.id: OK for one in outgoing.recipients}

    office.sender.send, office.sender.concurrency = slow, 1  # type: ignore[method-assign]
    here.runner.start()
    for n in range(3):
        office.put("ann@our.test", f"u{n}@far.test")
    begun.wait()
    gevent.spawn_later(0.05, gate.set)
    here.runner.stop(5.0)
    assert office.rows("outgoing_recipient", "lease_owner") == [("",)] * 2


def test_a_stop_cuts_what_does_not_finish_and_gives_it_back(db: Database) -> None:
    here = Running(db)
    office, begun = here.office, Event()

    def never(outgoing: Outgoing) -> dict[int, Outcome]:
        begun.set()
        gevent.sleep(60)
        return {}

    office.sender.send = never  # type: ignore[method-assign]
    here.runner.start()
    office.put("ann@our.test", "joe@far.test")
    begun.wait()
    here.runner.stop(0.05)
    assert office.rows("outgoing_recipient", "lease_owner, attempts") == [("", 0)]


def test_a_line_that_is_not_permanent_is_emptied_when_it_is_told_to(db: Database) -> None:
    here = Running(db, immediate=False, open=False)
    here.runner.start()
    here.office.put("ann@our.test", "joe@far.test")
    gevent.sleep(0.1)
    assert not here.empty()
    here.runner.empty(here.office.line)
    assert (here.empty(), here.office.line.open, here.office.line.run_started) == (True, False, 0)
    here.runner.stop(0.1)


def test_leases_are_renewed_while_a_transfer_lasts(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed: list[set[int]] = []
    monkeypatch.setattr(running.office.desk, "renew", lambda: renewed.append(set(running.office.desk.in_hand)))
    monkeypatch.setattr(module, "LEASE", 0.03)
    running.runner._loops.append(gevent.spawn(running.runner._renew))
    until(lambda: len(renewed) > 1)


def test_mail_that_is_accepted_while_the_stop_has_begun_is_given_back(db: Database) -> None:
    here = Running(db)
    here.runner.start()
    entry = here.office.queue.prepare(here.office.submission("ann@our.test", "joe@far.test"))
    written = db.write(entry.writer())
    here.runner.stop(0.05)
    here.office.queue.finish(entry, written)
    assert here.office.rows("outgoing_recipient", "lease_owner") == [("",)]
