"""``postroom queue`` with real messages in the queue."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.ids import text
from postroom.mail.delivery import Route, ToQueue
from postroom.mail.envelope import Recipient
from postroom.news import News
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
    assert "why it waits" in postroom("queue", "list").out.splitlines()[0]


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
    assert postroom("queue", "retry", text(number)).out == f"{text(number)} is tried again when the server starts\n"
    assert queued(postroom)[0]["next_try"] != before


@pytest.mark.parametrize("until", [[], ["--until", "2h"]])
def test_retry_says_that_a_held_message_stays_held(postroom: Command, office: Office, until: list[str]) -> None:
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    postroom("queue", "hold", number, *until)
    assert postroom("queue", "retry", number).out == f"{number} stays held: `postroom queue release {number}` lets it go\n"
    assert "retried" not in postroom("trace", number).out


def test_the_workers_are_woken_also_when_a_later_message_is_not_there(
    postroom: Command, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(News, "publish", lambda self, topic, **facts: told.append(topic))
    assert postroom("queue", "retry", text(office.put("a@our.test", "x@elsewhere.test")), "0000000000000").status == 1
    assert told == ["queue"]


def test_retry_says_that_it_is_done_now_when_a_worker_hears(postroom: Command, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(News, "heard", lambda self: True)
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    assert postroom("queue", "retry", number).out == f"{number} is tried again now\n"


def test_those_after_a_message_that_is_not_there_are_done_too(postroom: Command, office: Office) -> None:
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    done = postroom("queue", "hold", "0000000000000", number, "0000000000001")
    assert (done.status, done.out) == (1, f"{number} is held\n")
    assert "0000000000000, 0000000000001 are not in the queue (any more)" in done.err


def test_what_is_being_sent_is_beyond_the_reach_of_commands(postroom: Command, office: Office) -> None:
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    office.db.write(lambda tx: tx.do("UPDATE outgoing_recipient SET lease_until = ?", (time.time_ns() // 1_000_000 + 60_000,)))
    for command, words in (("hold", "is held"), ("remove", "is removed")):
        sentence = f"{number} {words}; it is being sent at this moment, and may arrive all the same\n"
        assert postroom("queue", command, number).out == sentence


def test_the_trace_tells_the_end_of_a_hold_as_a_time(postroom: Command, office: Office) -> None:
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    postroom("queue", "hold", number, "--until", "2099-05-31T14:30")
    assert "  until=2099-05-31 " in postroom("trace", number).out


def test_several_messages_can_be_removed_at_once(postroom: Command, office: Office) -> None:
    numbers = [text(office.put("a@our.test", "x@elsewhere.test")) for _ in range(2)]
    assert postroom("queue", "remove", *numbers).out == "".join(f"{number} is removed\n" for number in numbers)
    assert queued(postroom) == []


def test_removing_with_a_report_leaves_that_to_the_server(postroom: Command, office: Office) -> None:
    number = office.put("a@our.test", "x@elsewhere.test")
    assert postroom("queue", "remove", "--bounce", text(number)).out == f"{text(number)} goes back to its sender when the server starts\n"


def test_control_characters_of_a_subject_do_not_reach_the_terminal(postroom: Command, office: Office) -> None:
    office.put("a@our.test", "x@elsewhere.test", data=b"Subject: =?utf-8?q?red=1B[31m?=\r\n\r\n")
    assert "\x1b" not in postroom("queue", "list").out


def last(postroom: Command, number: str) -> str:
    """The last line of the trace."""
    return postroom("trace", number).out.splitlines()[-1].strip()


def test_the_trace_ends_with_how_the_message_stands(postroom: Command, office: Office) -> None:
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    assert last(postroom, number) == "x@elsewhere.test: not tried yet: it waits for a connection that takes it"
    postroom("queue", "hold", number)
    assert last(postroom, number) == f"x@elsewhere.test: held: held by hand; `postroom queue release {number}` lets it go"
    postroom("queue", "hold", number, "--until", "2099-05-31T14:30")
    assert last(postroom, number).startswith("x@elsewhere.test: held until 2099-05-31")


def test_the_trace_tells_when_the_next_attempt_is(postroom: Command, office: Office) -> None:
    office.time[0] = time.time()
    office.sender.script["x@elsewhere.test"] = [LATER]
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    office.work()
    assert last(postroom, number).startswith("x@elsewhere.test: after 1 attempt the next is made 20")


def test_the_trace_tells_which_site_is_waited_for(postroom: Command, office: Office) -> None:
    office.time[0] = time.time()
    office.sender.by_domain = True
    office.sender.script["x@elsewhere.test"] = [replace(LATER, kind="connect")]
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    office.work()
    assert last(postroom, number).startswith(
        "x@elsewhere.test: waits until elsewhere.test works again (sender Relay); it is looked at again 20"
    )


def test_the_trace_of_what_has_left_ends_with_its_last_event(postroom: Command, office: Office) -> None:
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    office.work()
    assert "taken" in last(postroom, number)


def explained(postroom: Command, *arguments: str) -> list[str]:
    done = postroom("explain", "--message", *arguments)
    assert done.status == 0, done.err
    return [line.strip() for line in done.out.splitlines()]


def test_explain_tells_by_which_way_a_message_of_the_queue_would_go(postroom: Command, office: Office) -> None:
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    lines = explained(postroom, number)
    assert lines[0].startswith(f"{number} from a@our.test, queued 2023-11-14 22:13:20.000Z, ")
    assert lines[1] == "-> x@elsewhere.test: not tried yet: it waits for a connection that takes it"
    assert lines[2].startswith("Internet (sender Relay): it takes all mail; the schedule never starts it: by `postroom connect Internet`")


FACTS = "Attempt: Header:X-Kind:news Age>1h Priority>=60 Recipients>=2 Size<1MB Sender:our.test"


@pytest.mark.parametrize(("rule", "taken"), [(FACTS, True), (f"Skip: {FACTS[9:]}", False)])
def test_explain_knows_all_that_a_filter_asks_of_a_message_of_the_queue(
    postroom: Command, office: Office, config: Path, rule: str, taken: bool
) -> None:
    sender = f'{{name: Relay, servers: ["127.0.0.1:9"], domain_filter: "{rule}"}}'
    config.write_text(config.read_text().replace('{name: Relay, servers: ["127.0.0.1:9"]}', sender))
    number = office.put("a@our.test", "x@elsewhere.test", "y@elsewhere.test", data=b"X-Kind: news\r\n\r\nHello\r\n")
    office.out.set_priority(number, office.now, 70)
    lines = explained(postroom, text(number), "y@elsewhere.test")
    assert lines[2].startswith(f"{'' if taken else 'not by '}Internet (sender Relay): line 1: {rule}")
    assert lines[-1].startswith("no connection takes it: it waits until one does, and comes back to its sender 2023-11-19") is not taken


@pytest.mark.parametrize("arguments", [(), ("--message", "0000000000000", "--size", "1MB")])
def test_explain_wants_an_address_or_a_message(postroom: Command, arguments: tuple[str, ...]) -> None:
    assert postroom("explain", *arguments).status == 2


def test_a_message_that_is_not_in_the_queue_cannot_be_explained(postroom: Command, office: Office) -> None:
    assert "`postroom trace 0000000000000`" in postroom("explain", "--message", "0000000000000").err
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    assert "no recipient" in postroom("explain", "--message", number, "z@elsewhere.test").err


def test_explain_tells_since_when_the_site_of_a_message_fails(postroom: Command, office: Office) -> None:
    office.time[0] = time.time()
    office.sender.by_domain = True  # another site than a new look would find
    office.sender.script["x@elsewhere.test"] = [replace(LATER, kind="connect")]
    number = text(office.put("a@our.test", "x@elsewhere.test"))
    office.work()
    assert explained(postroom, number)[-1].startswith("it cannot be reached since 20")
