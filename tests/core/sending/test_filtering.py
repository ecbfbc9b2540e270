"""Domain filters in the newer language: Attempt: and Skip: lines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.config.places import WrongText, lines_of
from postroom.sending.conditions import Headers
from postroom.sending.filtering import Candidate, Filter
from tests.core.sending.refusing import refusal


def mail(**facts: Any) -> Candidate:
    return Candidate(**{"sender": "fred@example.test", "recipient": "bob@example.com"} | facts)


def takes(text: str, **facts: Any) -> bool:
    return Filter.parse(text).takes(mail(**facts)).taken


def test_an_empty_filter_takes_everything() -> None:
    found = Filter.parse("\n  # only a comment\n\n")
    assert not found
    assert found.takes(mail()) == (True, "there is no filter")


def test_the_first_line_that_holds_decides() -> None:
    text = "Skip: Size>1MB\nAttempt: Recipient:*@example.com\nSkip: All"
    assert takes(text)
    assert not takes(text, size=2 << 20)
    assert not takes(text, recipient="bob@example.net")


def test_without_attempt_lines_the_rest_is_taken() -> None:
    assert takes("Skip: Size>1MB")


def test_with_attempt_lines_the_rest_is_left() -> None:
    found = Filter.parse("Attempt: Size>1MB").takes(mail())
    assert found == (False, "no line of the filter holds, and it has Attempt: lines")


def test_all_conditions_of_a_line_must_hold() -> None:
    text = "Attempt: Size<1000 Sender:fred@*"
    assert takes(text, size=999)
    assert not takes(text, size=1000)
    assert not takes(text, size=1, sender="jim@example.test")


def test_the_reason_names_the_line() -> None:
    assert Filter.parse("# mine\n  skip: all").takes(mail()).reason == "line 2: skip: all"


@pytest.mark.parametrize(
    ("condition", "facts"),
    [
        ("All", {}),
        ("!None", {}),
        ("Size<1000000", {"size": 999_999}),
        ("Size <= 1MB", {"size": 1 << 20}),
        ("Size=5", {"size": 5}),
        ("Size==5", {"size": 5}),
        ("Size<>5", {"size": 6}),
        ("Size!=5", {"size": 6}),
        ("Age>2h", {"age": 7201.0}),
        ("Age>0", {"age": 1.0}),
        ("Priority>=50", {"priority": 50}),
        ("Recipients<=10", {"recipients": 10}),
        ("Sender:<>", {"sender": ""}),
        ("Sender:example.test", {}),
        ("sender:FRED@*", {}),
        ("Sender~/^fr/", {}),
        ("Sender~ /^(?i)FR/", {}),
        ("!Sender~/^FR/", {}),
        ('Recipient:"bob@example.com"', {}),
        ("User:fr*", {"user": "Fred"}),
        ("Header:X-Bulk", {"headers": {"x-bulk": [""]}}),
        ("Header:X-Bulk:yes", {"headers": {"x-bulk": ["no", " YES "]}}),
        ('Header: Subject: "*big sale*"', {"headers": {"subject": ["A Big Sale!"]}}),
        (r'Header:Subject:"\"a\\b\""', {"headers": {"subject": [r'"a\b"']}}),
        (r"Header:Subject~/a\/b/", {"headers": {"subject": ["xa/by"]}}),
        ("!Header:X-Bulk", {}),
    ],
)
def test_a_condition_holds(condition: str, facts: dict[str, Any]) -> None:
    assert takes(f"Attempt: {condition}", **facts)


@pytest.mark.parametrize(
    ("condition", "facts"),
    [
        ("None", {}),
        ("!All", {}),
        ("Size>5", {"size": 5}),
        ("Age<1m", {"age": 60.0}),
        ("Sender:*@*", {"sender": ""}),
        ("Sender~/FRED/", {}),
        ("User:fred", {}),
        ("Header:X-Bulk", {"headers": {"x-bulky": ["yes"]}}),
        ("Header:X-Bulk:yes", {"headers": {"x-bulk": ["yes or no"]}}),
    ],
)
def test_a_condition_does_not_hold(condition: str, facts: dict[str, Any]) -> None:
    assert not takes(f"Attempt: {condition}", **facts)


def test_a_filter_says_which_facts_it_needs() -> None:
    found = Filter.parse("Attempt: Size<5 !Header:X-Bulk:yes\nSkip: User:joe Age>1h Header:Subject~/x/")
    assert found.needs == {"size", "headers", "user", "age"}
    assert found.header_names == {"x-bulk", "subject"}


def test_headers_are_fetched_once_and_only_when_the_rest_of_a_line_holds() -> None:
    asked: list[int] = []

    def headers() -> Headers:
        asked.append(1)
        return {}

    found = Filter.parse("Skip: Header:X-Bulk Size>5\nSkip: Header:X-Bulk Size=5\nSkip: Header:X-Other")
    assert found.takes(mail(size=5, headers=headers)).taken
    assert asked == [1]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("Attempt: Sise<5", 1, 10, "'sise' is no condition, did you mean Size?"),
        ("Attempt: All\n  Skip: Size 5", 2, 13, "a comparison is expected after Size: <, <=, >, >=, = or <>"),
        ("Skip: Size<tiny", 1, 12, "a size is expected, such as 500000, 512KB or 10MB"),
        ("Skip: Age>5", 1, 11, "a duration with its unit is expected, such as 30s, 5m, 2h or 3d"),
        ("Skip: Priority>101", 1, 16, "a whole number from 1 to 100 is expected after Priority"),
        ("Skip: Recipients<x", 1, 18, "a whole number from 1 to 1000000 is expected after Recipients"),
        ("Skip: Sender=joe", 1, 13, "a colon with a wildcard or a ~ with a /regular expression/ is expected after Sender"),
        ("Skip: Sender~joe", 1, 14, "a regular expression between slashes is expected after Sender~"),
        ("Skip: Sender~/joe", 1, 14, "the closing slash of the regular expression is missing"),
        ("Skip: Sender~//", 1, 14, "the regular expression is empty"),
        ("Skip: Sender~/a(b/", 1, 16, "this is no regular expression: unclosed group"),
        ('Skip: Sender:"joe', 1, 14, "the closing quote is missing"),
        ("Skip: Sender:", 1, 14, "a wildcard is expected after Sender:"),
        ("Skip: Sender:joe@", 1, 17, "an address has a domain after the @; *@* is any address"),
        ("Skip: Header", 1, 13, "a colon and the name of a header field are expected after Header"),
        ("Skip: Header::x", 1, 14, "the name of a header field is expected, such as X-Bulk"),
        ("Skip:", 1, 6, "a condition is expected, such as All, Size<1MB or Recipient:*@example.com"),
        ("Skip: !!All", 1, 8, "one ! is enough"),
        ("Skip: All,None", 1, 10, "a space is expected after the condition All"),
        ("Skip: All\nSkp: All", 2, 1, "a rule begins with Attempt: or Skip: here, as line 1 does, did you mean Skip?"),
        ("Skip: All\nFrom: joe@example.com", 2, 1, "a rule begins with Attempt: or Skip: here, as line 1 does"),
        ("Skip: All\nexample.com", 2, 1, "a rule begins with Attempt: or Skip: here, as line 1 does"),
        ("Skip: " + "All " * 51, 1, 207, "a line has at most 50 conditions"),
        ("#" * 70_000, 1, 1, "this text is too long, at most 65536 characters are allowed"),
    ],
)
def test_a_wrong_line_is_told_with_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(WrongText) as caught:
        Filter.parse(text)
    assert caught.value.faults == ((line, column, message),)


def test_all_wrong_lines_are_told_at_once() -> None:
    with pytest.raises(WrongText) as caught:
        Filter.parse("Skip: x\nSkip: All\nSkip: y")
    assert [fault.line for fault in caught.value.faults] == [1, 3]


WORDS = st.sampled_from(
    [
        "Attempt:",
        "Skip:",
        "From:",
        "All",
        "None",
        "Size",
        "<",
        ">=",
        "5MB",
        "Header:",
        "Sender",
        ":",
        "~",
        "/x/",
        "/(/",
        '"',
        "!",
        " ",
        "\n",
        "*@x",
        "\\",
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=20).map("".join)))
def test_any_text_is_a_filter_or_wrong_within_its_lines(text: str) -> None:
    wrong = refusal(lambda: Filter.parse(text).takes(mail(headers={"x": ["y"]})), WrongText)
    assert wrong is None or wrong.faults
    for fault in wrong.faults if wrong else ():
        assert 1 <= fault.column <= len(lines_of(text)[fault.line - 1]) + 1
