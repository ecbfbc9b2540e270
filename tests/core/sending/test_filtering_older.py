"""Domain filters in the older language: From: lines and domains."""

from __future__ import annotations

import pytest

from postroom.config.places import WrongText
from postroom.sending.filtering import Candidate, Filter

MANUAL = "From: joe@mydomain.com\nFrom: sales@mydomain.com\ncustomerdomain.com\n*microsoft.com"


def takes(text: str, sender: str, recipient: str) -> bool:
    return Filter.parse(text).takes(Candidate(sender, recipient)).taken


@pytest.mark.parametrize(
    ("sender", "recipient", "taken"),
    [
        ("Joe@MyDomain.com", "a@customerdomain.com", True),
        ("sales@mydomain.com", "a@mail.microsoft.com", True),
        ("jim@mydomain.com", "a@customerdomain.com", False),
        ("joe@mydomain.com", "a@example.com", False),
        ("joe@mydomain.com", "a@sub.customerdomain.com", False),
    ],
)
def test_a_rule_for_senders_and_a_rule_for_recipients_must_match(sender: str, recipient: str, taken: bool) -> None:
    assert takes(MANUAL, sender, recipient) is taken


def test_a_kind_without_rules_does_not_count() -> None:
    assert takes("From: *@mydomain.com", "joe@mydomain.com", "a@anywhere.example")
    assert takes("customerdomain.com", "", "a@customerdomain.com")


def test_what_a_negated_rule_matches_is_never_taken() -> None:
    text = "*.example.com\n!secret.example.com"
    assert takes(text, "", "a@b.example.com")
    assert not takes(text, "", "a@secret.example.com")


def test_a_kind_with_negated_rules_only_takes_the_rest() -> None:
    assert takes("!From: joe@example.com\n! From: <>", "jim@example.com", "a@b.example")
    assert not takes("!From: joe@example.com", "joe@example.com", "a@b.example")
    assert not takes("! From: <>", "", "a@b.example")


def test_negated_rules_of_several_domains_exclude_them_all() -> None:
    assert not takes("!a.example\n!b.example", "", "x@a.example")


def test_the_reason_names_the_lines() -> None:
    found = Filter.parse(MANUAL)
    assert found.takes(Candidate("joe@mydomain.com", "a@customerdomain.com")).reason == (
        "line 1: From: joe@mydomain.com and line 3: customerdomain.com"
    )
    assert found.takes(Candidate("x@y.example", "a@customerdomain.com")).reason == "no line of the filter matches the sender"


def test_it_needs_the_addresses_that_have_rules() -> None:
    assert Filter.parse(MANUAL).needs == {"sender", "recipient"}
    assert Filter.parse("example.com").needs == {"recipient"}


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("Form: joe@example.com", 1, 1, "Form: is no kind of rule, did you mean From?"),
        ("a.example\n! To: b.example", 2, 3, "To: is no kind of rule; known are From, Attempt, Skip"),
        ("a.example\nSkip: All", 2, 1, "line 1 is a rule of the older kind (From: or a domain); Skip: cannot be mixed with those"),
        ("From:", 1, 6, "an address or domain is expected, with * for anything and ? for one character"),
        ("  a.example b.example", 1, 3, "an address or domain is expected, with * for anything and ? for one character"),
        ("From: joe@", 1, 10, "an address has a domain after the @; *@* is any address"),
    ],
)
def test_a_wrong_line_is_told_with_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(WrongText) as caught:
        Filter.parse(text)
    assert caught.value.faults == ((line, column, message),)
