"""Accounts that suddenly send far more than they ever did: held with the message that is too much, released by one call."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from postroom.mail.delivery import Route, ToMailbox, ToQueue
from postroom.mail.envelope import Recipient
from postroom.queue.surge import HOUR, KEPT_HOURS, Surges, forget, held_since, release
from postroom.sending.surge import SurgeRule
from postroom.store.accounts import Accounts
from postroom.store.database import Database, StoreUnavailable, connect
from tests.core.queue.office import Office

RULE = SurgeRule(factor=2.0, least_hour=3, least_day=8)


class Metrics:
    def __init__(self) -> None:
        self.counted: list[str] = []

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        self.counted.append(name)


def watched(office: Office) -> Office:
    """The office with somebody who watches how much accounts send."""
    ask: Any = office.ask
    metrics: Any = Metrics()
    log: Any = office.log
    log.error = log.info
    office.queue.surges = Surges(office.db, RULE, ask, log, metrics)
    return office


@pytest.fixture(autouse=True)
def office(db: Database) -> Office:
    return watched(Office(db))


def sends(office: Office, recipients: int, user: str = "ann") -> int:
    return office.put(f"{user}@our.test", *(f"u{n}@far.test" for n in range(recipients)), user=user)


def habits(office: Office) -> list[tuple[Any, ...]]:
    return office.db.read(
        lambda tx: tx.execute("SELECT account, messages, recipients FROM habit WHERE recipients > 0 ORDER BY account, hour")
    )


def queue(office: Office) -> list[tuple[Any, ...]]:
    return sorted(office.rows("outgoing", "held"))


def test_ordinary_mail_is_counted_and_goes(office: Office) -> None:
    sends(office, 2)
    sends(office, 1)
    assert (habits(office), office.work()) == ([("ann", 2, 3)], 2)


def test_the_message_that_is_too_much_is_taken_and_held(office: Office) -> None:
    sends(office, 3)
    number = sends(office, 1)
    assert office.work() == 1
    assert office.out.show(number, office.now)[0].state == "held"
    assert office.events(number) == ["accepted", "held"]
    assert habits(office) == [("ann", 1, 3)]  # what is held is not sent


def test_everything_that_follows_is_held_however_little(office: Office) -> None:
    sends(office, 4)
    office.wait(7200)
    sends(office, 1)
    assert (queue(office), office.work()) == ([(3,), (3,)], 0)


def test_others_go_on_sending_and_so_does_mail_without_a_login(office: Office) -> None:
    sends(office, 4)
    sends(office, 2, "bob")
    office.put("ann@our.test", *(f"u{n}@far.test" for n in range(9)))
    assert queue(office) == [(0,), (0,), (3,)]


def test_mail_to_users_of_this_server_is_delivered_all_the_same(office: Office) -> None:
    bob = office.user("bob")
    sends(office, 4)
    office.put("ann@our.test", Recipient("bob@our.test", route=Route((ToMailbox(bob, "bob"), ToQueue("x@far.test")))), user="ann")
    assert len(office.inbox(bob)) == 1


def test_it_is_told_once_to_the_log_the_metrics_and_the_plugins(office: Office) -> None:
    for _ in range(3):
        sends(office, 4)
    reason = "4 recipients within one hour, where the most so far was 0 (up to 3 is taken as usual)"
    assert [facts for name, facts in office.ask.told if name == "account_held"] == [{"account": "ann", "reason": reason}]
    assert [event for event, _ in office.log.lines] == ["account.held"]
    metrics: Any = office.queue.surges.metrics if office.queue.surges else None
    assert metrics.counted == ["accounts_held"]
    assert held_since(office.db, "ann") == (office.now, reason)


def test_two_that_begin_it_at_the_turn_of_an_hour_are_told_as_one(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand in no line, so the second does not see what the first has written until it writes itself."""
    blind = "SELECT SUM(recipients), NULL, NULL, NULL, NULL FROM habit WHERE account = ? AND hour > ? AND hour < ? AND account = ?"
    monkeypatch.setattr("postroom.queue.surge.STANDING", blind)
    sends(office, 4)
    office.wait(3600)
    sends(office, 4)
    assert queue(office) == [(3,), (3,)]
    assert len([name for name, _ in office.ask.told if name == "account_held"]) == 1


def test_held_mail_was_promised_room_that_is_given_back(office: Office) -> None:
    office.hand_over()
    sends(office, 4)
    assert (office.line.held, office.desk.in_hand) == (0, {})
    assert {row[0] for row in office.rows("outgoing_recipient", "lease_owner")} == {""}


def test_what_was_usual_before_the_last_day_decides(office: Office) -> None:
    for _ in range(2):
        sends(office, 3)
        office.wait(25 * 3600)
    sends(office, 6)
    assert queue(office) == [(0,), (0,), (0,)]
    sends(office, 1)
    assert queue(office)[-1] == (3,)


def test_many_modest_hours_of_one_day_are_too_much_as_well(office: Office) -> None:
    for _ in range(3):
        sends(office, 3)
        office.wait(3600)
    assert queue(office) == [(0,), (0,), (3,)]
    assert "within one day" in (held_since(office.db, "ann") or (0, ""))[1]


def test_a_release_lets_everything_go_and_takes_as_much_for_usual(office: Office) -> None:
    numbers = [sends(office, 3), sends(office, 3), sends(office, 3)]
    assert release(office.db, "ann", office.now) == 2
    assert office.work() == 3
    assert office.events(numbers[1]) == ["accepted", "held", "released", "delivered"]
    assert (habits(office), held_since(office.db, "ann")) == ([("ann", 3, 9)], None)
    sends(office, 9)
    assert queue(office) == [(0,)]
    sends(office, 1)
    assert queue(office) == [(0,), (3,)]


def test_a_release_of_nothing_says_so(office: Office) -> None:
    assert release(office.db, "ann", office.now) is None


def test_what_the_administrator_holds_himself_stays_held(office: Office) -> None:
    by_hand = sends(office, 1)
    office.out.hold(by_hand, office.now)
    sends(office, 4)
    release(office.db, "ann", office.now)
    assert queue(office) == [(0,), (1,)]


def test_a_store_that_goes_away_in_the_middle_counts_and_holds_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*arguments: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr("postroom.queue.posting.traces.record_rows", gone)  # the last thing that the transaction writes
        with pytest.raises(StoreUnavailable):
            sends(office, 4)
    assert (habits(office), held_since(office.db, "ann"), office.rows("blob", "id")) == ([], None, [])
    assert [name for name, _ in office.ask.told] == []


def test_workers_that_send_at_the_same_time_let_no_recipient_too_many_through(office: Office, database_url: str) -> None:
    stores = [connect(database_url) for _ in range(4)]  # as four processes have them
    offices = [watched(Office(store, f"worker-{n}", office.time)) for n, store in enumerate(stores)]
    threads = [threading.Thread(target=lambda one=one: [sends(one, 1) for _ in range(5)]) for one in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert queue(office) == [(0,)] * 3 + [(3,)] * 17
    assert habits(office) == [("ann", 3, 3)]
    assert sum(name == "account_held" for one in offices for name, _ in one.ask.told) == 1


def test_old_habits_are_forgotten(office: Office) -> None:
    sends(office, 1)
    forget(office.db, office.time[0] + (KEPT_HOURS - 1) * HOUR / 1000)
    assert len(habits(office)) == 1
    forget(office.db, office.time[0] + (KEPT_HOURS + 1) * HOUR / 1000)
    assert habits(office) == []


def test_an_account_that_is_removed_leaves_no_habits_to_the_next_of_its_name(office: Office) -> None:
    office.user("ann")
    sends(office, 4)
    Accounts(office.db).remove("ann")
    assert (habits(office), held_since(office.db, "ann")) == ([], None)
