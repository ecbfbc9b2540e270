"""Wildcards and regular expressions on strangers' text: what they match, and that no pattern makes them slow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.sending.patterns import LONGEST_PATTERN, LONGEST_TEXT, AddressPattern, BadPattern, Regex, Wildcard
from tests.core.sending.refusing import refusal


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("joe@example.com", "Joe@EXAMPLE.com"),
        ("*@example.com", "a.b+c@example.com"),
        ("j?e@example.com", "jae@example.com"),
        ("example.com", "anybody@example.com"),
        ("*.example.com", "anybody@a.b.example.com"),
        ("*microsoft.com", "anybody@notmicrosoft.com"),
        ("münchen.de", "a@xn--mnchen-3ya.de"),
        ("*", ""),
        ("*", "joe"),
        ("<>", ""),
    ],
)
def test_an_address_pattern_matches(pattern: str, address: str) -> None:
    assert AddressPattern.parse(pattern).matches(address)


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("example.com", "joe@sub.example.com"),
        ("example.com", "example.com"),
        ("*@example.com", "joe@example.com.evil.test"),
        ("j?e@example.com", "jaae@example.com"),
        ("<>", "joe@example.com"),
        ("*.*", ""),
        ("a.c@x", "abc@x"),
    ],
)
def test_an_address_pattern_does_not_match(pattern: str, address: str) -> None:
    assert not AddressPattern.parse(pattern).matches(address)


@pytest.mark.parametrize(
    "text",
    ["", "a b", "joe@", "a,b", "a;b", "x" * (LONGEST_PATTERN + 1), "a\tb", "a\x00", "size<3", "joe@size>3", "a@b@c.example", "!x.test"],
)
def test_what_is_no_address_pattern_is_refused(text: str) -> None:
    with pytest.raises(BadPattern):
        AddressPattern.parse(text)


def test_a_regular_expression_is_searched_for_and_minds_the_case() -> None:
    assert Regex("b+c").matches("abbbcd")
    assert not Regex("B").matches("abc")
    assert Regex("(?i)B").matches("abc")


@pytest.mark.parametrize(
    ("pattern", "offset", "reason"),
    [
        ("ab(c", 2, "unclosed group"),
        ("a[z-a]", 2, "invalid character class range"),
        (r"(a)\1", 3, "backreferences are not supported"),
        ("x(?=a)", 1, "look-around"),
        ("a{1000}{1000}{1000}", 0, "too much memory"),
        ("a\nb", 0, "printable"),
        ("x" * (LONGEST_PATTERN + 1), 0, "too long"),
    ],
)
def test_a_wrong_regular_expression_is_refused_with_its_place(pattern: str, offset: int, reason: str) -> None:
    with pytest.raises(BadPattern, match=reason) as caught:
        Regex(pattern)
    assert caught.value.offset == offset


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}", "(.*)*x", "a*a*a*a*a*a*a*a*b"])
def test_a_hostile_text_cannot_make_a_regular_expression_slow(pattern: str) -> None:
    # any engine that goes back and forth needs longer than the age of the universe for some of these
    Regex(pattern).matches("a" * 100_000 + "!")


def test_a_hostile_text_cannot_make_a_wildcard_slow() -> None:
    assert not Wildcard("*a" * 200 + "b").matches("a" * 100_000)


@given(st.text(alphabet="ab*?.@", max_size=12), st.text(alphabet="ab.@", max_size=12))
def test_a_wildcard_matches_what_its_plain_meaning_says(pattern: str, text: str) -> None:
    meaning = "".join(".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    assert Wildcard(pattern).matches(text) == bool(re.fullmatch(meaning, text, re.DOTALL))


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_regular_expression_is_used_or_refused(pattern: str, text: str) -> None:
    wrong = refusal(lambda: Regex(pattern).matches(text), BadPattern)
    assert wrong is None or 0 <= wrong.offset <= len(pattern)


@given(st.text(max_size=40), st.text(alphabet=st.characters(), max_size=40))
def test_any_address_pattern_is_used_or_refused(pattern: str, text: str) -> None:
    wrong = refusal(lambda: AddressPattern.parse(pattern).matches(text), BadPattern)
    assert wrong is None or 0 <= wrong.offset <= len(pattern)


def test_bytes_that_are_no_text_match_a_star() -> None:
    assert AddressPattern.parse("*@example.com").matches("j\udc80e@example.com")


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    assert Regex("b").matches("a" * (LONGEST_TEXT - 1) + "b")
    assert not Regex("b").matches("a" * LONGEST_TEXT + "b")


def test_a_star_spans_line_breaks() -> None:
    assert Wildcard("a*b?c").matches("a\r\nb\nc")
