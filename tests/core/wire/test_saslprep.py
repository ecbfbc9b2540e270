"""SASLprep against the examples of RFC 4013 section 3, and what passwords do that it prohibits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.wire.saslprep import prepared_password, saslprep

EXAMPLES = [
    ("I\u00adX", "IX"),  # a soft hyphen is mapped to nothing
    ("user", "user"),
    ("USER", "USER"),  # case is kept
    ("\u00aa", "a"),  # NFKC
    ("\u2168", "IX"),
    ("a\u00a0b", "a b"),  # a non-ASCII space becomes a space
    ("\u0627\u0628", "\u0627\u0628"),  # right to left at both ends
]


@pytest.mark.parametrize(("text", "prepared"), EXAMPLES)
def test_text_is_prepared_as_in_rfc_4013(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "a\u0001b", "\u06271", "a\u0627", "\ud800", "\u200e"])
def test_prohibited_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"character|direction|end"):
        saslprep(text)


def test_a_password_that_saslprep_prohibits_stays_as_it_is() -> None:
    assert prepared_password("tab\tinside") == "tab\tinside"


def test_a_password_that_would_vanish_stays_as_it_is() -> None:
    assert prepared_password("\u00ad") == "\u00ad"


@given(st.text())
def test_preparing_raises_nothing_but_ValueError(text: str) -> None:
    try:
        saslprep(text)
    except ValueError:
        return
