"""What a plugin may change of a message whose turn has come: its place in the queue, and its time to live."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from postroom.mail.delivery import Route, ToQueue
from postroom.mail.envelope import Recipient
from postroom.mail.sending import AttemptPlan, SessionBounds
from postroom.queue.expiry import expire
from tests.core.queue.office import LATER, START, Office

JOE, JANE = "joe@far.test", "jane@far.test"


def planned(office: Office, address: str, **changes: Any) -> None:
    """A plugin changes the plan for one recipient."""

    def transform(name: str, argument: str, value: Any, /, **arguments: Any) -> Any:
        mine = name == "attempt_starting" and arguments["outgoing"].recipients[0].address == address
        return replace(value, **changes) if mine else value

    office.ask.transform = transform  # type: ignore[method-assign]


def order(office: Office) -> list[str]:
    return [one.address for sent in office.sender.sent for one in sent.recipients]


def by_lan(office: Office, *vias: str) -> list[str | None]:
    """Which return paths a message leaves with, whose recipients are to go by these servers."""
    office.line.channel = "LAN"
    recipients = [Recipient(f"{index}@lan.test") for index in range(len(vias))]
    for one, via in zip(recipients, vias, strict=True):
        one.route = Route((ToQueue(one.address, "LAN", via),))
    office.put("ann@our.test", *recipients)
    office.work()
    return [sent.return_path for sent in office.sender.sent]


def test_the_return_path_of_a_route_is_what_a_plugin_is_asked_about(office: Office) -> None:
    office.ask.changes["return_path"] = lambda path: f"tag+{path}"
    assert by_lan(office, "<list@our.test>mail.lan", "mail.lan") == ["tag+list@our.test", "tag+ann@our.test"]


def test_the_return_path_of_a_route_stays_when_no_plugin_changes_it(office: Office) -> None:
    assert by_lan(office, "<list@our.test>mail.lan", "mail.lan") == ["list@our.test", None]


def test_a_plugin_may_bring_back_the_return_path_of_the_message(office: Office) -> None:
    office.ask.changes["return_path"] = lambda path: "ann@our.test"
    assert by_lan(office, "<list@our.test>mail.lan") == ["ann@our.test"]


def test_a_message_whose_priority_is_lowered_lets_the_others_go_first(office: Office) -> None:
    planned(office, JOE, priority=10)
    number = office.put("ann@our.test", JOE)
    office.put("ann@our.test", JANE)
    office.work()
    assert order(office) == [JANE, JOE]
    assert office.events(number) == ["accepted", "left", "delivered"]


def test_a_message_whose_priority_is_raised_goes_at_once(office: Office) -> None:
    planned(office, JOE, priority=90)
    number = office.put("ann@our.test", JOE)
    office.work()
    assert office.events(number) == ["accepted", "delivered"]


def test_a_run_that_leaves_the_rest_carries_in_the_new_order(office: Office) -> None:
    planned(office, JOE, priority=10)
    office.put("ann@our.test", JOE)
    office.put("ann@our.test", JANE)
    office.sender.bounds, office.line.run_started = SessionBounds(1, 9, 9, leave_rest=True), office.now
    office.work()
    assert order(office) == [JANE]


def test_a_priority_that_stays_behind_the_others_holds_nothing_up(office: Office) -> None:
    planned(office, JOE, priority=10)
    number = office.put("ann@our.test", JOE)
    office.out.set_priority(number, office.now, 20)
    office.work()
    assert office.events(number) == ["accepted", "priority", "delivered"]


def test_a_plugin_may_say_when_a_message_is_to_be_removed(office: Office) -> None:
    office.sender.script[JOE] = [LATER]
    planned(office, JOE, delete_at=START + 50)
    number = office.put("ann@our.test", JOE)
    office.work()
    assert office.rows("outgoing", "delete_at") == [(int(START + 50) * 1000,)]
    office.wait(51)
    assert (expire(office.db, office.now), office.events(number)[-1]) == (1, "removed")


def test_a_time_that_is_over_removes_it_instead_of_sending_it(office: Office) -> None:
    planned(office, JOE, delete_at=START - 1)
    number = office.put("ann@our.test", JOE)
    office.work()
    assert (order(office), office.events(number)) == ([], ["accepted", "removed"])


@pytest.mark.parametrize(("plan", "kept"), [(AttemptPlan(skip=True), 90), (AttemptPlan(skip=True, delete_at=0), 0)])
def test_a_plan_that_says_nothing_of_it_leaves_the_time_to_live(office: Office, plan: AttemptPlan, kept: int) -> None:
    office.ask.changes["attempt_starting"] = lambda given: plan
    office.put("ann@our.test", JOE)
    office.db.write(lambda tx: tx.execute("UPDATE outgoing SET delete_at = ?", (office.now + 90_000,)))
    before = office.now
    office.work()
    assert office.rows("outgoing", "delete_at") == [(before + 90_000 if kept else 0,)]


@pytest.mark.parametrize("nonsense", [float("inf"), float("nan"), -1, 1e300, "soon"])
def test_a_time_to_live_that_is_none_is_not_used(office: Office, nonsense: Any) -> None:
    planned(office, JOE, delete_at=nonsense)
    office.put("ann@our.test", JOE)
    office.work()
    assert order(office) == [JOE]


def test_a_plugin_knows_the_time_to_live(office: Office) -> None:
    seen: list[AttemptPlan] = []

    def plugin(given: AttemptPlan) -> AttemptPlan:
        seen.append(given)
        return given

    office.ask.changes["attempt_starting"] = plugin
    office.put("ann@our.test", JOE)
    office.db.write(lambda tx: tx.execute("UPDATE outgoing SET delete_at = ?", (office.now + 90_000,)))
    wanted = office.now / 1000 + 90
    office.work()
    assert [plan.delete_at for plan in seen] == [wanted]
