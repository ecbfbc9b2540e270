"""How much leaves at a time, from a real server with three workers: per message, per session, and per time over a restart."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.interop.programs import message
from tests.interop.ways import Ways

PER, MESSAGES, RECIPIENTS = 4.0, 3, 5  # of the sender Rated
ROUNDING = 0.01  # times in the database are milliseconds


def send_at_once(ways: Ways, domain: str, messages: int, people: int) -> None:
    """So many messages to so many people each, over several connections, so that all workers get some."""

    def send(number: int) -> None:
        ways.send(message(), *(f"u{number}.{one}@{domain}" for one in range(people)))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(messages)))


def test_a_message_with_a_hundred_recipients_leaves_as_five(ways: Ways) -> None:
    people = [f"u{number}@five.test" for number in range(100)]
    ways.send(message(), *people)
    caught = ways.caught("five.test", 100)
    assert [len(one.recipients) for one in caught] == [20] * 5
    assert sorted(name for one in caught for name in one.recipients) == sorted(people)


@pytest.mark.parametrize("domain", ["sessions.test", "crowds.test"])
def test_a_session_carries_two_messages(ways: Ways, domain: str) -> None:
    """By their number or that of their recipients. Three workers have a session each at a time, so one has three messages or more."""
    send_at_once(ways, domain, 9, 2)
    sessions = Counter(one.session for one in ways.caught(domain, 18))
    assert max(sessions.values()) == 2
    assert sum(sessions.values()) == 9


def test_no_time_holds_more_than_the_rate_whatever_the_number_of_workers_and_over_a_restart(ways: Ways) -> None:
    """The last recipient of the first messages waits as all of the later ones do."""
    send_at_once(ways, "rated.test", 3, 2)
    ways.caught("rated.test", RECIPIENTS)
    ways.server.stop()
    ways.server.start()
    send_at_once(ways, "rated.test", 2, 2)
    caught = ways.caught("rated.test", 10)
    assert sum(len(one.recipients) for one in caught) == 10
    for first in caught:
        window = [one for one in caught if first.at <= one.at < first.at + PER - ROUNDING]
        assert len(window) <= MESSAGES
        assert sum(len(one.recipients) for one in window) <= RECIPIENTS
