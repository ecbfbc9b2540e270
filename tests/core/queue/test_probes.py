"""Probes of sites that are down: one whose worker dies, mail that waits for one, and a site that comes back meanwhile."""

from __future__ import annotations

import pytest

from postroom.mail.delivery import TryLater
from postroom.mail.reply import Reply
from postroom.queue.outcome import SPREAD
from tests.core.queue.office import OK, Office

GONE = TryLater(Reply(451, "4.4.1", "No route to host"), kind="connect")
ADDRESS = "joe@far.test"


@pytest.fixture
def away(office: Office) -> Office:
    """Its site is down since the first of two messages was tried."""
    office.sender.by_domain = True
    office.sender.script[ADDRESS] = [GONE, OK]
    for _ in range(2):
        office.put("ann@our.test", ADDRESS)
    office.work()
    return office


def site(office: Office) -> list[tuple[int, str]]:
    return office.db.read(lambda tx: tx.execute("SELECT next_probe, prober FROM site"))


def beside(office: Office, owner: str = "worker-2") -> Office:
    """Another worker with the same clock, that has started just now."""
    other = Office(office.db, owner, office.time)
    other.sender.by_domain = True
    other.desk.forfeit()
    other.desk.sites.start()
    return other


def probing(office: Office) -> None:
    """The probe is under way when the world stops."""
    [(due, _)] = site(office)
    office.wait(due / 1000 - office.clock() + SPREAD / 1000)
    office.desk.fetch(office.line)
    assert office.desk.sites.blocked("Relay", "far.test") is None
    assert site(office)[0][1] == "worker-1"


def test_the_probe_of_a_worker_that_died_is_free_when_it_starts_again(away: Office) -> None:
    probing(away)
    other = beside(away, "worker-1")
    other.work()
    assert (len(other.sender.taken[ADDRESS]), site(away)) == (2, [])


def test_the_probe_of_another_worker_stays_its_own(away: Office) -> None:
    probing(away)
    assert beside(away).desk.sites.blocked("Relay", "far.test") is not None


def test_a_worker_that_stops_leaves_its_probe_to_the_others(away: Office) -> None:
    probing(away)
    away.desk.sites.leave()
    assert beside(away).desk.sites.blocked("Relay", "far.test") is None


def test_a_probe_that_fails_is_nobodys(away: Office) -> None:
    away.sender.script[ADDRESS] = [GONE]
    away.wait(600)
    away.work()
    assert (len(away.sender.sent), site(away)[0][1]) == (2, "")


def test_one_of_those_that_wait_comes_at_the_very_moment_of_the_probe(away: Office) -> None:
    for _ in range(3):
        away.put("ann@our.test", ADDRESS)
    away.work()
    [(probe, _)] = site(away)
    due = sorted(row[0] for row in away.rows("outgoing_recipient", "next_try") if row[0] >= probe)
    assert (due[0], len(due) > 2) == (probe, True)
    assert due[-1] <= probe + SPREAD


def test_what_is_noted_as_waiting_when_its_site_is_back_already_is_woken(away: Office) -> None:
    away.put("ann@our.test", ADDRESS)
    away.work(settle=False)  # it has heard that the site is down
    other = beside(away)
    other.desk.sites.works("Relay", "far.test")
    away.desk.settle(list(away.unsettled))
    assert away.rows("outgoing_recipient", "waits_for")[-1] == ("Relay far.test",)
    away.desk.sites.refresh()
    away.unsettled.clear()
    assert away.work() == 3


def test_what_was_noted_before_a_site_is_back_is_woken_by_whoever_hears_of_it(away: Office) -> None:
    away.db.write(lambda tx: tx.do("DELETE FROM site", ()))  # another worker has found out that it works, and died before it woke the mail
    away.desk.sites.refresh()
    assert away.work() == 2
