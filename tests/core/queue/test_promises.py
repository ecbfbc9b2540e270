"""What the queue promises whatever the rules are: all arrives or is reported once, no rate is exceeded, no dead site holds others back."""

from __future__ import annotations

import random

import pytest

from postroom.mail.delivery import Outcome, TryLater
from postroom.mail.reply import Reply
from postroom.mail.sending import SessionBounds
from postroom.provided import Outgoing, SendingRules
from postroom.queue.desk import DRIBBLE, LEASE, PAUSE
from postroom.sending.filtering import Filter
from postroom.sending.windows import Rate
from postroom.store.database import Database, StoreUnavailable
from tests.core.queue.office import LATER, NEVER, OK, FakeSender, Office

GONE = TryLater(Reply(451, "4.4.1", "No route to host"), "mx.test[192.0.2.1]:25", kind="connect")


class Way(FakeSender):
    """A sender with rules, whose sites can be down; it keeps when it has sent how much."""

    def __init__(self, office: Office, rules: SendingRules | None = None, per_message: int = 100) -> None:
        super().__init__()
        self.office, self.rules, self.by_domain = office, rules or SendingRules(), True
        self.bounds = SessionBounds(1000, 10_000, per_message)
        self.dead: set[str] = set()
        self.log: list[tuple[float, int, int]] = []  # when, messages, recipients
        self.tries: list[tuple[float, str]] = []

    def site(self, address: str, via: str = "") -> str:
        return address.rpartition("@")[2] if self.by_domain else ""

    def start(self, bounds: SessionBounds | None) -> None:
        pass

    def send(self, outgoing: Outgoing) -> dict[int, Outcome]:
        site = self.site(outgoing.recipients[0].address)
        self.tries.append((self.office.clock(), site))
        if site in self.dead:
            return dict.fromkeys((one.id for one in outgoing.recipients), GONE)
        per = self.bounds.recipients_per_message
        self.log.append((self.office.clock(), -(-len(outgoing.recipients) // per), len(outgoing.recipients)))
        return super().send(outgoing)


def equip(office: Office, rules: SendingRules | None = None, per_message: int = 100) -> Way:
    way = Way(office, rules, per_message)
    office.sender = office.line.sender = way
    office.desk.__post_init__()
    return way


def within(log: list[tuple[float, int, int]], rate: Rate) -> bool:
    """No time of the rate's length holds more than it allows."""
    for start, _, _ in log:
        inside = [(messages, recipients) for at, messages, recipients in log if start <= at < start + rate.per]
        if rate.messages is not None and sum(messages for messages, _ in inside) > rate.messages:
            return False
        if rate.recipients is not None and sum(recipients for _, recipients in inside) > rate.recipients:
            return False
    return True


@pytest.mark.parametrize("seed", range(8))
def test_no_rate_is_exceeded_and_everybody_is_served_once(office: Office, db: Database, seed: int) -> None:
    chance = random.Random(seed)
    rate = Rate(chance.choice([None, 5, 7]), chance.choice([None, 12]) or 20, 600.0)
    offices = [office, Office(db, "worker-2", office.time)]
    ways = [equip(each, SendingRules(rate=rate), chance.choice([3, 20])) for each in offices]
    ways[1].bounds = ways[0].bounds
    everyone = [f"u{n}.{m}@d{chance.randrange(4)}.test" for n in range(12) for m in range(chance.randrange(1, 9))]
    left = list(everyone)
    while left:
        count = min(len(left), chance.randrange(1, 9))
        office.put("ann@our.test", *left[:count])
        del left[:count]
    for _ in range(400):
        worker = chance.choice(offices)
        worker.work(settle=chance.random() < 0.8)
        if chance.random() < 0.05 and not worker.unsettled:
            worker.line.clear()
            worker.desk.in_hand.clear()  # kill -9
        if not office.rows("outgoing_recipient", "id"):
            break
        for _ in range(chance.choice([1, 1, 4])):
            office.wait(25.0)
            for each in offices:
                each.desk.renew()
    for worker in offices:
        worker.work()
    office.wait(LEASE + 700)
    office.work()
    assert not office.rows("outgoing_recipient", "id")
    taken = [name for way in ways for name, copies in way.taken.items() for _ in copies]
    assert sorted(taken) == sorted(everyone)
    assert within(ways[0].log + ways[1].log, rate)


def test_a_hundred_recipients_leave_as_five_messages_and_count_as_five(office: Office) -> None:
    way = equip(office, SendingRules(rate=Rate(5, None, 3600.0)), 20)
    way.by_domain = False
    office.put("ann@our.test", *(f"u{n}@far.test" for n in range(100)))
    office.put("ann@our.test", "last@far.test")
    office.work()
    assert sum(len(sent.recipients) for sent in way.sent) == 100
    assert "last@far.test" not in way.taken
    assert office.rows("sent", "messages") and sum(row[0] for row in office.rows("sent", "messages")) == 5
    office.wait(3601)
    office.work()
    assert "last@far.test" in way.taken


def test_a_domain_that_is_dead_is_tried_once_and_then_by_one(office: Office) -> None:
    way = equip(office)
    way.dead = {"dead.test"}
    for n in range(30):
        office.put("ann@our.test", f"u{n}@dead.test")
    office.work()
    first = len(way.tries)
    assert first <= 5
    for _ in range(10):
        office.wait(60)
        office.work()
    assert len(way.tries) - first <= 10
    way.dead.clear()
    office.wait(600)
    for _ in range(3):
        office.work()
        office.wait(1)
    assert not office.rows("outgoing")


def test_a_relay_that_is_down_burns_no_attempts(office: Office) -> None:
    way = equip(office)
    way.by_domain, way.dead = False, {""}
    for n in range(300):
        office.put("ann@our.test", f"u{n}@far.test")
    for _ in range(20):
        office.work()
        office.wait(30)
    assert sum(row[0] for row in office.rows("outgoing_recipient", "attempts")) <= 20
    way.dead.clear()
    office.wait(700)
    for _ in range(3):
        office.work()
        office.wait(1)
    assert not office.rows("outgoing")


def test_while_a_relay_is_down_only_a_few_of_its_messages_are_touched(office: Office) -> None:
    way = equip(office)
    way.by_domain, way.dead = False, {""}
    office.put("ann@our.test", *(f"u{n}@far.test" for n in range(99)))
    office.work()
    office.hand_over()
    for n in range(5):
        office.put("ann@our.test", *(f"u{n}.{m}@far.test" for m in range(90)))
    assert not office.desk.fetch(office.line)
    assert (due := office.desk.next_due(office.line)) is not None and due >= PAUSE
    assert [row[0] for row in office.rows("outgoing_recipient", "lease_owner")].count("worker-1") <= DRIBBLE


def test_while_a_relay_is_down_settled_outcomes_do_not_hasten_the_next_look(office: Office) -> None:
    way = equip(office)
    way.by_domain, way.dead = False, {""}
    for n in range(5):
        office.put("ann@our.test", *(f"u{n}.{m}@far.test" for m in range(90)))
    office.work()
    touched = sum(1 for reply in office.rows("outgoing_recipient", "last_reply") if reply[0])
    office.work()
    assert sum(1 for reply in office.rows("outgoing_recipient", "last_reply") if reply[0]) <= touched + DRIBBLE
    assert touched < 450
    office.wait(PAUSE)
    office.work()
    assert sum(1 for reply in office.rows("outgoing_recipient", "last_reply") if reply[0]) > touched


def test_what_is_long_under_way_counts_until_it_is_done(office: Office, db: Database) -> None:
    rules = SendingRules(rate=Rate(1, None, 60.0))
    way, other = equip(office, rules), Office(db, "worker-2", office.time)
    equip(other, rules)
    office.put("ann@our.test", "slow@far.test")
    office.desk.fetch(office.line)
    office.put("ann@our.test", "next@far.test")
    for _ in range(10):
        office.wait(20)
        office.desk.renew()
    assert other.work() == 0
    office.desk.give_back(office.line.clear())
    assert not office.rows("sent")
    office.wait(6)
    assert other.work() == 1
    assert not way.sent


def test_fifty_dead_sites_hold_back_none_of_fifty_living(office: Office) -> None:
    way = equip(office)
    way.dead = {f"d{n}.test" for n in range(50)}
    for n in range(50):
        for m in range(4):
            office.put("ann@our.test", f"u{m}@d{n}.test")
            office.put("ann@our.test", f"u{m}@l{n}.test")
    office.work()
    assert len(way.taken) == 200


@pytest.mark.parametrize("dead", ["relay", "site"])
def test_while_a_site_is_down_its_senders_hear_of_the_delay_and_of_the_end(office: Office, dead: str) -> None:
    ann = office.user("ann")
    way = equip(office)
    way.by_domain, way.dead = dead == "site", {"", "dead.test"}
    for n in range(3):
        office.put("ann@our.test", f"u{n}@dead.test")
    for _ in range(27 * 6):
        office.work()
        office.wait(600)
    reports = b"".join(office.inbox(ann))
    assert reports.count(b"Action: delayed") == 3
    assert reports.count(b"Action: failed") == 3
    assert not office.rows("outgoing")


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_rules_are_everything_is_delivered_or_reported_once(office: Office, db: Database, seed: int) -> None:
    chance = random.Random(seed)
    ann = office.user("ann")
    text = chance.choice(["", "Skip: Recipient:*@d9.test", "Attempt: Size<1MB"])
    rules = SendingRules(
        takes=Filter.parse(text) if text else None, smaller_first=chance.random() < 0.5, reverse=chance.random() < 0.5,
        rate=Rate(chance.randrange(2, 9), None, 300.0) if chance.random() < 0.5 else None,
    )  # fmt: skip
    offices = [office, Office(db, "worker-2", office.time)]
    ways = [equip(each, rules, chance.choice([2, 100])) for each in offices]
    offices[1].ask.routes = office.ask.routes
    everyone = [f"u{n}@d{chance.randrange(4)}.test" for n in range(40)]
    for start in range(0, 40, 4):
        office.put("ann@our.test", *everyone[start : start + 4])
    for name in everyone:
        first: list[Outcome] = [LATER, OK]
        last: list[Outcome] = [OK, NEVER]
        script: list[Outcome | Exception] = [chance.choice(first), chance.choice(last)]
        for way in ways:
            way.script[name] = list(script)
    for step in range(300):
        dead = {f"d{chance.randrange(4)}.test"} if step < 40 else set()
        for way in ways:
            way.dead = dead
        chance.choice(offices).work()
        office.wait(chance.choice([5.0, 60.0, 120.0]))
        if not office.rows("outgoing"):
            break
    assert not office.rows("outgoing")
    taken = [name for way in ways for name, copies in way.taken.items() for _ in copies]
    reports = b"".join(office.inbox(ann)).decode()
    reported = [name for name in everyone for _ in range(reports.count(f"Final-Recipient: rfc822; {name}\r\nAction: failed"))]
    assert sorted(taken + reported) == sorted(everyone)


def test_a_sender_that_cannot_start_does_not_undo_what_is_accepted(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client would hand it in again, and it would arrive twice."""

    def broken(bounds: SessionBounds | None) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(equip(office), "start", broken)
    office.hand_over()
    office.put("ann@our.test", "joe@far.test")
    office.work()
    assert len(office.sender.taken["joe@far.test"]) == 1


def test_what_was_chosen_while_the_database_went_away_is_chosen_again_at_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    equip(office, SendingRules(smaller_first=True))
    office.put("ann@our.test", "joe@far.test")

    def away(*arguments: object, **more: object) -> None:
        raise StoreUnavailable("away")

    office.wait(60)
    with monkeypatch.context() as patch:
        patch.setattr("postroom.queue.claim.take_named", away)
        with pytest.raises(StoreUnavailable):
            office.desk.fetch(office.line)
    assert office.work() == 1


def test_a_fault_of_the_sender_does_not_mean_that_a_dead_site_is_back(office: Office) -> None:
    way = equip(office)
    way.dead = {"dead.test"}
    office.put("ann@our.test", "u1@dead.test")
    office.work()
    way.dead.clear()
    way.script["u1@dead.test"] = [ValueError("a bug")]
    office.wait(600)
    office.work()
    assert [row[0] for row in office.rows("outgoing_recipient", "attempts")] == [2]
    assert office.db.read(lambda tx: tx.execute("SELECT name FROM site")) == [("dead.test",)]


def test_a_site_that_fails_for_good_is_no_longer_waited_for(office: Office) -> None:
    way = equip(office)
    way.dead = {"dead.test"}
    for n in range(3):
        office.put("ann@our.test", f"u{n}@dead.test")
        way.script[f"u{n}@dead.test"] = [NEVER]
    office.work()
    way.dead.clear()
    office.wait(600)
    for _ in range(3):
        office.work()
        office.wait(1)
    assert office.rows("outgoing_recipient") == []
