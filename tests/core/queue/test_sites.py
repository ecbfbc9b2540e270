"""What attempts say about a site: when its other mail waits, how much may run at once, and what is remembered of it."""

from __future__ import annotations

import pytest

from postroom.mail.delivery import NotNow, TryLater
from postroom.mail.reply import Reply
from postroom.queue import line as lines
from postroom.queue.line import AT_FIRST, Line
from tests.core.queue.office import OK, FakeSender, Office

LOST = TryLater(Reply(451, "4.4.2", "closed the connection"), "mx.test[192.0.2.1]:25", kind="broken")
GONE = TryLater(Reply(451, "4.4.1", "No route to host"), kind="connect")


@pytest.fixture
def far(office: Office) -> Office:
    office.sender.by_domain = True
    return office


def down(office: Office) -> list[str]:
    return [row[0] for row in office.db.read(lambda tx: tx.execute("SELECT name FROM site ORDER BY name"))]


def windows(office: Office) -> int:
    return office.line._windows.get("far.test", AT_FIRST)


def test_a_connection_that_is_lost_once_holds_up_no_other_mail(far: Office) -> None:
    """A message that a server cannot bear must not hold back all others for this server."""
    far.sender.script["bad@far.test"] = [LOST]
    for name in ("u1", "bad", "u2", "u3"):
        far.put("ann@our.test", f"{name}@far.test")
    far.work()
    assert (sorted(far.sender.taken), down(far)) == (["u1@far.test", "u2@far.test", "u3@far.test"], [])
    far.wait(600)
    far.work()
    far.put("ann@our.test", "u4@far.test")
    far.work()
    assert "u4@far.test" in far.sender.taken


def test_a_server_that_loses_one_connection_after_the_other_is_down(far: Office) -> None:
    for n in range(10):
        far.sender.script[f"u{n}@far.test"] = [LOST]
        far.put("ann@our.test", f"u{n}@far.test")
    far.work()
    assert down(far) == ["far.test"]
    assert len(far.sender.sent) <= 3


def test_a_connection_that_is_lost_while_a_site_is_down_leaves_it_down(far: Office) -> None:
    far.sender.script["u1@far.test"] = [GONE, LOST]
    far.put("ann@our.test", "u1@far.test")
    far.work()
    far.wait(600)
    far.work()
    assert len(far.sender.sent) == 2
    [(failures,)] = far.db.read(lambda tx: tx.execute("SELECT failures FROM site"))
    assert failures == 2


@pytest.mark.parametrize("outcome", [ValueError("a bug"), NotNow("a plugin says so", 0.0)])
def test_what_no_server_has_said_earns_a_site_no_more_connections(far: Office, outcome: NotNow | Exception) -> None:
    far.sender.script["u1@far.test"] = [outcome, OK]
    far.put("ann@our.test", "u1@far.test")
    task = far.desk.fetch(far.line) or far.line.next()
    assert not isinstance(task, bool) and task is not None
    far.desk.attempt(far.line, task)
    assert windows(far) == AT_FIRST


def test_a_sender_may_have_sites_that_depend_on_more_than_the_address(far: Office) -> None:
    far.sender.site_for = lambda outgoing: f"{outgoing.user} {outgoing.size} {outgoing.recipients[0].address}"  # type: ignore[attr-defined]
    far.put("ann@our.test", "a@far.test", "b@far.test", user="ann")
    far.desk.fetch(far.line)
    task = far.line.next()
    assert task is not None and task.site == f"ann {task.letter.size} a@far.test"


def test_failures_of_sites_that_are_back_are_forgotten(far: Office) -> None:
    far.sender.script["u1@far.test"] = [GONE]
    far.put("ann@our.test", "u1@far.test")
    far.work()
    far.db.write(lambda tx: tx.do("DELETE FROM site", ()))  # another worker has found out that it works
    far.desk.sites.refresh()
    assert (far.desk.sites.down, far.desk.sites._noted) == ({}, {})


def test_the_crowds_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "SITES", 3)
    one = Line("Internet", FakeSender())
    for site in ("a", "b", "c", "a", "d"):
        one.put_off(site)
    assert one.put_off("a") == 4  # it came later than b, which was forgotten for d
    assert one.put_off("b") == 1
