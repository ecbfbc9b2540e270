"""What an attempt knows of the other recipients of its message."""

from __future__ import annotations

from postroom.provided import Outgoing, SendingRules
from postroom.sending.filtering import Filter
from tests.core.queue.office import LATER, NEVER, OK, Office

NAMES = [f"{name}@{name}.test" for name in "abcd"]


def attempts(office: Office) -> list[Outgoing]:
    """The attempts of a second look; the first has reached a, failed for b, and not reached c and d yet."""
    office.sender.by_domain = True
    office.sender.script = dict(zip(NAMES, ([OK], [NEVER], [LATER], [LATER]), strict=True))
    office.put("", *NAMES)
    office.work()
    office.wait(3600)
    office.sender.sent.clear()
    office.work()
    return office.sender.sent


def test_a_site_is_told_of_all_recipients_of_the_message(office: Office) -> None:
    for attempt in attempts(office):
        assert len(attempt.recipients) == 1
        assert sorted(attempt.all_recipients) == NAMES


def test_how_many_they_are_is_known_without_a_look(office: Office) -> None:
    assert [(attempt.total, len(attempt.recipients)) for attempt in attempts(office)] == [(4, 1), (4, 1)]


def test_fresh_mail_straight_from_memory_knows_them_too(office: Office) -> None:
    office.hand_over()
    office.sender.by_domain = True
    office.put("ann@our.test", *NAMES)
    office.work()
    assert [(attempt.total, sorted(attempt.all_recipients)) for attempt in office.sender.sent] == [(4, NAMES)] * 4


def test_nothing_is_read_for_them_unless_somebody_asks(office: Office) -> None:
    (first, _) = attempts(office)
    office.db.write(lambda tx: tx.do("DELETE FROM outgoing_recipient"))
    office.db.write(lambda tx: tx.do("DELETE FROM trace"))
    assert first.all_recipients == (NAMES[2],)


def test_a_message_made_by_hand_has_the_recipients_of_its_attempt() -> None:
    one = Outgoing("x", "", 1, (), lambda: iter(()))
    assert (one.total, one.all_recipients) == (0, ())


def test_a_filter_counts_the_recipients_that_are_done_too(office: Office) -> None:
    attempts(office)
    office.sender.rules = SendingRules(takes=Filter.parse("Attempt: Recipients<=2"))
    office.wait(3600)
    assert office.work() == 0
    office.sender.rules = SendingRules(takes=Filter.parse("Attempt: Recipients=4"))
    office.desk.fetching._pickings.clear()
    assert office.work() == 2
