"""Patterns of LIST, against a slow reference and against hostile ones."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom_imap4_server.patterns import LONGEST, Patterns

NAMES = st.text("ab/é", max_size=12)
PATTERNS = st.text("ab/é*%", max_size=10)


def slowly(pattern: str, name: str) -> bool:
    """The definition, word for word."""
    if not pattern:
        return not name
    if pattern[0] in "*%":
        swallows = bool(name) and (pattern[0] == "*" or name[0] != "/")
        return slowly(pattern[1:], name) or (swallows and slowly(pattern, name[1:]))
    return bool(name) and name[0] == pattern[0] and slowly(pattern[1:], name[1:])


@given(st.lists(PATTERNS, min_size=1, max_size=3), NAMES)
def test_a_name_matches_when_the_definition_says_so(patterns: list[str], name: str) -> None:
    assert Patterns(patterns).match(name) == any(slowly(pattern, name) for pattern in patterns)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("a/%", "a/b", True),
        ("a/%", "a", False),
        ("%/%", "a/b", True),
        ("a*c", "abbc", True),
        ("a*c", "a/b/c", True),
        ("a%c", "a/c", False),
        ("", "", True),
        ("", "a", False),
        ("inbox", "INBOX", True),
        ("iNbOx/%", "INBOX/a", True),
        ("Inbox*", "INBOX/a", True),
        ("inbox*", "inboxes", True),
        ("a.b", "axb", False),
    ],
)
def test_wildcards_and_inbox(pattern: str, name: str, matches: bool) -> None:
    assert Patterns([pattern]).match(name) is matches


def test_the_time_does_not_grow_with_the_wildcards() -> None:
    hostile, name = Patterns(["*%a" * 2_000]), "a" * 900 + "/b"
    began = time.monotonic()
    assert not hostile.match(name)
    assert time.monotonic() - began < 0.1


def test_patterns_beyond_the_bound_are_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        Patterns(["a" * LONGEST, "b"])


@given(PATTERNS, NAMES, NAMES)
def test_whatever_matches_may_match_by_its_beginning(pattern: str, name: str, rest: str) -> None:
    patterns = Patterns([pattern])
    if patterns.match(name + rest):
        assert patterns.may_match(name)
