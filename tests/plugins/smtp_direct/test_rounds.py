"""Which servers an attempt tries where there are more than it can."""

from __future__ import annotations

from postroom.mail.delivery import Delivered, Outcome, TryLater
from postroom.mail.reply import Reply
from postroom.mail.sending import MxServer
from postroom_smtp_direct.rounds import AGAIN, MOST, Rounds

SERVERS = [MxServer(f"mx{number}.test", 25, number) for number in range(20)]
LOST = TryLater(Reply(451, "4.4.1", "No"), kind="connect")
BUSY = TryLater(Reply(450, "4.2.0", "Later"), "mx8.test[192.0.2.1]:25")


class Attempts:
    """A destination with ``SERVERS``, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rounds = Rounds(lambda: self.now)

    def make(self, outcome: Outcome) -> list[int]:
        """The numbers of the servers of one attempt that comes to this."""
        tried = self.rounds.order("site", SERVERS)[:MOST]
        self.rounds.note("site", SERVERS, tried, [outcome])
        return [SERVERS.index(one) for one in tried]


def test_each_attempt_tries_those_that_were_not_tried_until_all_were() -> None:
    attempts = Attempts()
    assert [attempts.make(LOST) for _ in range(4)] == [[*range(8)], [*range(8, 16)], [*range(16, 20), *range(4)], [*range(8)]]


def test_the_places_of_equal_servers_do_not_matter() -> None:
    rounds = Rounds(lambda: 0.0)
    rounds.note("site", SERVERS, SERVERS[:8], [LOST])
    assert rounds.order("site", SERVERS[::-1])[:12] == SERVERS[:7:-1]


def test_an_answer_keeps_the_order_for_an_hour() -> None:
    attempts = Attempts()
    attempts.make(LOST)
    for outcome in (Delivered("250 Ok"), BUSY):
        assert attempts.make(outcome) == [*range(8, 16)]
        attempts.now += AGAIN / 2
    assert attempts.make(BUSY) == [*range(8)]


def test_a_failure_holds_however_late_the_next_attempt_comes() -> None:
    attempts = Attempts()
    attempts.make(LOST)
    attempts.now += 10 * 86400.0
    assert attempts.make(LOST) == [*range(8, 16)]


def test_few_servers_are_always_tried_in_their_order() -> None:
    rounds = Rounds(lambda: 0.0)
    rounds.note("site", SERVERS[:MOST], SERVERS[:MOST], [LOST])
    assert rounds.order("site", SERVERS[:MOST]) == SERVERS[:MOST]
    assert len(rounds) == 0


def test_only_so_many_sites_are_remembered() -> None:
    rounds = Rounds(lambda: 0.0, size=2)
    for site in "abc":
        rounds.note(site, SERVERS, SERVERS[:8], [LOST])
    assert len(rounds) == 2
    assert rounds.order("a", SERVERS) == SERVERS
