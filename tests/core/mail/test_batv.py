"""Tags of return paths, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.clients.smtp.commands import BAD_SENDER, path
from postroom.mail.address import parse_path, written
from postroom.mail.batv import DAY, Batv, Wrong, is_tagged

NOW = 1_800_000_000.0
BATV = Batv({0: b"zero", 1: b"one"})
LOCALS = st.text("abcXYZ019._+-=", min_size=1, max_size=30).map(written)


def tagged(address: str, now: float = NOW, batv: Batv = BATV) -> str:
    made = batv.tag(address, now)
    assert made is not None
    return made


@given(local=LOCALS, days=st.integers(0, 7), start=st.integers(0, 2000))
def test_a_tag_holds_for_a_week(local: str, days: int, start: int) -> None:
    address = f"{local}@example.test"
    assert BATV.untag(tagged(address, NOW + start * DAY), NOW + (start + days) * DAY) == address


def test_then_it_has_expired() -> None:
    assert BATV.untag(tagged("ann@example.test"), NOW + 8 * DAY) == Wrong("expired", "ann@example.test")


def test_it_has_the_form_of_the_draft() -> None:
    made = tagged("ann@example.test")
    day = (int(NOW // DAY) + 7) % 1000
    assert made.startswith(f"prvs=0{day:03}")
    assert made[9:15].isalnum()
    assert made[15:] == "=ann@example.test"


def test_the_case_of_letters_does_not_matter() -> None:
    assert BATV.untag(tagged("Ann@example.test").upper(), NOW) == "ANN@EXAMPLE.TEST"


@given(place=st.integers(5, 17), letter=st.sampled_from("0123456789abcdef"))
def test_another_character_makes_it_void(place: int, letter: str) -> None:
    made = tagged("ann@example.test")
    changed = made[:place] + letter + made[place + 1 :]
    assert changed == made or isinstance(BATV.untag(changed, NOW), Wrong)


def test_after_a_change_of_keys_both_hold() -> None:
    old, new = tagged("ann@example.test"), Batv({0: b"zero", 1: b"one"}, 1)
    assert tagged("ann@example.test", batv=new).startswith("prvs=1")
    assert new.untag(old, NOW) == "ann@example.test"
    assert Batv({1: b"one"}, 1).untag(old, NOW) == Wrong("forged", "ann@example.test")


def test_what_would_be_too_long_is_not_tagged() -> None:
    assert BATV.tag("x" * 60 + "@example.test", NOW) is None


@pytest.mark.parametrize("local", ["prvs=", "prvs=ann", "prvs=12345=ann", "prvs=0123abcdeg=ann", "prvs=0123abcdef="])
def test_what_only_begins_like_a_tag_is_malformed(local: str) -> None:
    assert is_tagged(local)
    assert BATV.untag(f"{local}@example.test", NOW) == Wrong("malformed")


@pytest.mark.parametrize("address", ['"a b"@example.test', '"a@b"@example.test', '"a\\"b"@example.test'])
def test_what_needs_quotes_can_be_sent_and_comes_back(address: str) -> None:
    made = tagged(address)
    assert parse_path(f"<{made}>") == (made, "")
    assert path(made, BAD_SENDER, utf8=False) == made.encode()
    assert is_tagged(made)
    assert BATV.untag(made, NOW) == address


def test_quotes_without_need_are_left_out() -> None:
    assert BATV.untag(tagged('"ann"@example.test'), NOW) == "ann@example.test"
