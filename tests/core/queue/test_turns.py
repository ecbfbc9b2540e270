"""Several permanent lines: the first of them that takes a message gets it, whichever looks first."""

from __future__ import annotations

import pytest

from postroom.provided import SendingRules
from postroom.queue.line import Line
from postroom.sending.filtering import Filter
from tests.core.queue.office import FakeSender, Office


def second(office: Office, *, immediate: bool = True, **rules: object) -> Line:
    """A line behind that of the office."""
    sender = FakeSender()
    sender.name = "Other"
    sender.rules = SendingRules(**rules)  # type: ignore[arg-type]
    line = Line("Second", sender, immediate=immediate)
    office.desk.lines.append(line)
    return line


def fetched(office: Office, line: Line) -> list[str]:
    """The names of those whose mail the line takes now."""
    office.desk.fetch(line)
    return sorted(one.address.partition("@")[0] for task in iter(line.next, None) for one in task.addressees)


def put(office: Office, *names: str) -> None:
    for name in names:
        office.put("ann@our.test", f"{name}@far.test", data=b"Subject: " + name.encode() + b"\r\n\r\n" + b"x" * (len(name) * 10))
    office.wait(1)


def test_the_second_gets_nothing_when_the_first_takes_all(office: Office) -> None:
    line = second(office)
    put(office, "a", "b")
    assert (fetched(office, line), office.desk.next_due(line)) == ([], None)
    assert fetched(office, office.line) == ["a", "b"]


@pytest.mark.parametrize(
    "filter_of_first", ["Attempt: Recipient:a@far.test", "Attempt: Header:Subject:a", "Attempt: Recipients<=1 Sender:* Recipient:a@*"]
)
@pytest.mark.parametrize("filter_of_second", ["", "Attempt: Recipient:far.test"])
def test_the_second_gets_what_the_filter_of_the_first_leaves(office: Office, filter_of_first: str, filter_of_second: str) -> None:
    office.sender.rules = SendingRules(takes=Filter.parse(filter_of_first))
    line = second(office, takes=Filter.parse(filter_of_second))
    put(office, "a", "b")
    assert (fetched(office, line), fetched(office, office.line)) == (["b"], ["a"])


def test_the_second_gets_what_is_too_large_for_the_first(office: Office) -> None:
    office.sender.rules = SendingRules(max_size=100)
    line = second(office)
    put(office, "a", "b" * 9)
    assert (fetched(office, line), fetched(office, office.line)) == (["b" * 9], ["a"])


def test_a_run_takes_what_the_permanent_line_would_take_too(office: Office) -> None:
    line = second(office, immediate=False)
    put(office, "a")
    assert fetched(office, line) == ["a"]


def test_what_the_first_takes_in_time_goes_to_it(office: Office) -> None:
    office.sender.rules = SendingRules(takes=Filter.parse("Attempt: Age>1h"))
    line = second(office, takes=Filter.parse("Attempt: Age>2h"))
    put(office, "a")
    assert (fetched(office, line), fetched(office, office.line)) == ([], [])
    office.wait(3 * 3600)
    assert (fetched(office, line), fetched(office, office.line)) == ([], ["a"])
