"""``postroom queue`` with real messages in the queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.ids import text
from postroom.mail.delivery import Route, ToQueue
from postroom.mail.envelope import Recipient
from tests.cli.conftest import Command, opened
from tests.core.queue.office import LATER, Office

pytestmark = pytest.mark.usefixtures("database_url")


@pytest.fixture
def office(postroom: Command, config: Path) -> Iterator[Office]:
    """The queue of the same store, with a scripted sender."""
    postroom("db", "migrate")
    database = opened(config)
    yield Office(database)
    database.close()


def queued(postroom: Command) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(postroom("queue", "list", "--json").out)
    return found


def test_an_empty_queue_is_empty(postroom: Command) -> None:
    assert postroom("queue", "list").out == "the queue is empty\n"
    assert json.loads(postroom("queue", "list", "--json").out) == []


@pytest.mark.parametrize("name", ["show", "retry", "hold", "release", "remove"])
def test_a_message_that_is_not_in_the_queue_is_a_failure_that_names_trace(postroom: Command, name: str) -> None:
    done = postroom("queue", name, "0000000000000")
    assert done.status == 1
    assert "`postroom trace 0000000000000`" in done.err


def test_a_waiting_message_is_listed_with_its_columns(postroom: Command, office: Office) -> None:
    number = office.put("a@our.test", "x@elsewhere.test", data=b"Subject: Offer\r\n\r\nHello\r\n")
    (message,) = queued(postroom)
    assert (message["id"], message["state"], message["sender"]) == (text(number), "waiting", "a@our.test")
    assert (message["to"], message["subject"]) == ("x@elsewhere.test", "Offer")
    assert text(number) in postroom("queue", "list").out


def test_show_quotes_the_words_of_the_other_server(postroom: Command, office: Office) -> None:
    office.sender.script["x@elsewhere.test"] = [LATER]
    number = office.put("a@our.test", "x@elsewhere.test")
    office.work()
    assert "Greylisted, come back" in postroom("queue", "show", text(number)).out
    (recipient,) = json.loads(postroom("queue", "show", text(number), "--json").out)["to"]
    assert recipient["attempts"] == 1


def test_a_held_message_stays_until_it_is_released(postroom: Command, office: Office) -> None:
    number = office.put("a@our.test", "x@elsewhere.test")
    assert postroom("queue", "hold", text(number)).out == f"{text(number)} is held\n"
    assert queued(postroom)[0]["state"] == "held"
    postroom("queue", "release", text(number))
    assert queued(postroom)[0]["state"] == "waiting"


def test_a_message_held_until_a_time_says_until_when(postroom: Command, office: Office) -> None:
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    assert postroom("queue", "hold", number, "--until", "2099-05-31T14:30").out.startswith(f"{number} is held until 2099-05-31")
    (message,) = queued(postroom)
    assert (message["state"], message["reason"]) == ("held on timer", "held by hand")
    assert str(message["next_try"]).startswith("2099-05-31")
    assert "why it is held" in postroom("queue", "list").out.splitlines()[0]


@pytest.mark.parametrize(
    ("until", "words"), [("soon", "neither a time from now"), ("2020-01-01", "not in the future"), ("0s", "not in the future")]
)
def test_a_wrong_time_holds_nothing(postroom: Command, office: Office, until: str, words: str) -> None:
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    done = postroom("queue", "hold", number, "--until", until)
    assert (done.status, words in done.err) == (1, True)
    assert queued(postroom)[0]["state"] == "waiting"


def test_a_message_is_given_a_priority(postroom: Command, office: Office) -> None:
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    assert postroom("queue", "priority", number, "70").out == f"{number} has priority 70\n"
    assert queued(postroom)[0]["priority"] == 70
    assert postroom("queue", "priority", number, "101").status == 2


def test_the_queue_of_lan_forwarding_is_a_list_of_its_own(postroom: Command, office: Office) -> None:
    route = Route((ToQueue("x@lan.test", "LAN"),))
    office.put("a@our.test", Recipient("x@our.test", route=route))
    assert queued(postroom) == []
    assert [message["to"] for message in json.loads(postroom("queue", "list", "--channel", "LAN", "--json").out)] == ["x@lan.test"]
    heading, row = postroom("queue", "list", "--all").out.splitlines()
    assert (heading.split()[-1], row.split()[-1]) == ("queue", "LAN")
    assert postroom("queue", "list", "--all", "--channel", "LAN").status == 2


def test_retry_makes_a_message_due_now(postroom: Command, office: Office) -> None:
    office.sender.script["x@elsewhere.test"] = [LATER]
    number = office.put("a@our.test", "x@elsewhere.test")
    office.work()
    before = queued(postroom)[0]["next_try"]
    assert postroom("queue", "retry", text(number)).status == 0
    assert queued(postroom)[0]["next_try"] != before


def test_several_messages_can_be_removed_at_once(postroom: Command, office: Office) -> None:
    numbers = [text(office.put("a@our.test", "x@elsewhere.test")) for _ in range(2)]
    assert postroom("queue", "remove", *numbers).out == "".join(f"{number} is removed\n" for number in numbers)
    assert queued(postroom) == []


def test_removing_with_a_report_leaves_that_to_the_server(postroom: Command, office: Office) -> None:
    number = office.put("a@our.test", "x@elsewhere.test")
    assert postroom("queue", "remove", "--bounce", text(number)).out == f"{text(number)} goes back to its sender\n"


def test_control_characters_of_a_subject_do_not_reach_the_terminal(postroom: Command, office: Office) -> None:
    office.put("a@our.test", "x@elsewhere.test", data=b"Subject: =?utf-8?q?red=1B[31m?=\r\n\r\n")
    assert "\x1b" not in postroom("queue", "list").out
