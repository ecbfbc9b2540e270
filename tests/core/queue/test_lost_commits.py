"""The database goes away in the middle of a commit: it has happened, and we hear that it failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from postroom.provided import SendingRules
from postroom.queue.desk import LEASE
from postroom.sending.windows import Rate
from postroom.store.database import StoreUnavailable
from tests.core.queue.office import LATER, NEVER, Office

Lose = Callable[[], None]


@pytest.fixture
def lose(office: Office, monkeypatch: pytest.MonkeyPatch) -> Lose:
    """Lets the next transaction be committed without anybody hearing of it."""
    write = office.db.write

    def lost(work: Any, **more: Any) -> Any:
        monkeypatch.setattr(office.db, "write", write)
        write(work, **more)
        raise StoreUnavailable("the connection was lost")

    return lambda: monkeypatch.setattr(office.db, "write", lost)


def test_outcomes_are_recorded_once_and_reported_once(office: Office, lose: Lose) -> None:
    ann = office.user("ann")
    office.sender.script |= {"b@far.test": [NEVER], "c@far.test": [LATER]}
    office.put("ann@our.test", "a@far.test", "b@far.test", "c@far.test")
    office.work(settle=False)
    lose()
    with pytest.raises(StoreUnavailable):
        office.desk.settle(list(office.unsettled))
    office.desk.settle(list(office.unsettled))
    assert [report.count(b"Action: failed") for report in office.inbox(ann)] == [1]
    assert office.rows("outgoing_recipient", "address, attempts, lease_owner") == [("c@far.test", 1, "")]
    assert office.desk.in_hand == {}


@pytest.mark.parametrize("rules", [SendingRules(), SendingRules(smaller_first=True), SendingRules(rate=Rate(10, None, 3600.0))])
def test_what_was_claimed_without_our_hearing_of_it_leaves_when_the_lease_ends(office: Office, lose: Lose, rules: SendingRules) -> None:
    office.sender.rules = rules
    office.put("ann@our.test", "a@far.test")
    lose()
    with pytest.raises(StoreUnavailable):
        office.work()
    assert office.line.held == 0
    office.wait(LEASE + 1)
    assert (office.work(), office.rows("outgoing")) == (1, [])


def test_a_rate_counts_nothing_twice_when_the_outcome_is_recorded_again(office: Office, lose: Lose) -> None:
    office.sender.rules = SendingRules(rate=Rate(2, None, 3600.0))
    office.put("ann@our.test", "a@far.test")
    office.work(settle=False)
    lose()
    with pytest.raises(StoreUnavailable):
        office.desk.settle(list(office.unsettled))
    office.desk.settle(list(office.unsettled))
    assert office.rows("sent", "messages, recipients") == [(1, 1)]
