"""Return paths of forwarded mail, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.clients.smtp.commands import BAD_SENDER, path
from postroom.mail.address import parse_path, written
from postroom.mail.srs import DAY, Srs, Wrong, is_rewritten

NOW = 1_800_000_000.0
SRS = Srs("here.example", [b"secret"])
LOCALS = st.text("abcXYZ019._+-=", min_size=1, max_size=20).filter(lambda text: not is_rewritten(text)).map(written)
DOMAINS = st.from_regex(r"[a-z0-9]{1,8}\.(example|test)", fullmatch=True)


def encoded(address: str, now: float = NOW, srs: Srs = SRS) -> str:
    made = srs.encode(address, now)
    assert made is not None
    return made


@given(local=LOCALS, domain=DOMAINS, days=st.integers(0, 21))
def test_what_is_rewritten_comes_back(local: str, domain: str, days: int) -> None:
    assert SRS.decode(encoded(f"{local}@{domain}"), NOW + days * DAY) == f"{local}@{domain}"


@given(local=LOCALS, domain=DOMAINS)
def test_a_server_that_changes_the_case_does_no_harm(local: str, domain: str) -> None:
    made = encoded(f"{local}@{domain}")
    assert SRS.decode(made.lower(), NOW) == f"{local}@{domain}".lower()
    assert SRS.decode(made.upper(), NOW) == f"{local}@{domain}".upper()


@given(place=st.integers(5, 30), letter=st.sampled_from("abc234"))
def test_another_character_anywhere_makes_it_void(place: int, letter: str) -> None:
    made = encoded("ann@there.example")
    changed = made[:place] + letter + made[place + 1 :]
    assert changed.lower() == made.lower() or isinstance(SRS.decode(changed, NOW), Wrong)


def test_after_three_weeks_it_has_expired() -> None:
    assert SRS.decode(encoded("ann@there.example"), NOW + 22 * DAY) == Wrong("expired")


def test_a_clock_that_is_a_day_behind_is_no_reason_to_refuse() -> None:
    assert SRS.decode(encoded("ann@there.example"), NOW - DAY) == "ann@there.example"
    assert SRS.decode(encoded("ann@there.example"), NOW - 2 * DAY) == Wrong("expired")


def test_a_second_forwarder_keeps_the_first() -> None:
    first = encoded("ann@there.example", srs=Srs("first.example", [b"theirs"]))
    second = encoded(first)
    assert second.startswith("SRS1=")
    assert second.endswith("@here.example")
    assert SRS.decode(second, NOW) == first


def test_a_third_forwarder_points_to_the_first_too() -> None:
    first = encoded("ann@there.example", srs=Srs("first.example", [b"theirs"]))
    second = encoded(first, srs=Srs("second.example", [b"others"]))
    assert SRS.decode(encoded(second), NOW) == first


def test_addresses_that_other_programs_have_rewritten_are_kept_whole() -> None:
    foreign = "SRS0+Ab/x=Q9=there.example=ann@first.example"
    assert SRS.decode(encoded(foreign), NOW) == foreign


def test_an_old_secret_is_still_accepted() -> None:
    made = encoded("ann@there.example")
    assert Srs("here.example", [b"new", b"secret"]).decode(made, NOW) == "ann@there.example"
    assert Srs("here.example", [b"new"]).decode(made, NOW) == Wrong("forged")


def test_what_would_be_too_long_for_a_local_part_is_not_made() -> None:
    assert SRS.encode("x" * 60 + "@there.example", NOW) is None


@given(st.text(max_size=60))
def test_any_text_is_told_apart(text: str) -> None:
    assert isinstance(SRS.decode(f"SRS0={text}@here.example", NOW), Wrong)


ODD = ['"a b"@there.example', '"a@b"@there.example', '"a\\"b"@there.example', "x@[192.0.2.1]", "x@[IPv6:2001:db8::1]", '"."@there.example']


@pytest.mark.parametrize("address", ODD)
def test_what_needs_quotes_can_be_sent_and_comes_back(address: str) -> None:
    made = encoded(address)
    assert parse_path(f"<{made}>") == (made, "")
    assert path(made, BAD_SENDER, utf8=False) == made.encode()
    assert is_rewritten(made)
    assert SRS.decode(made, NOW) == address


def test_a_second_forwarder_keeps_the_quotes_of_the_first() -> None:
    first = encoded('"a b"@t.example', srs=Srs("f.example", [b"theirs"]))
    assert SRS.decode(encoded(first), NOW) == first


def test_a_bare_name_is_not_rewritten() -> None:
    assert SRS.encode("postmaster", NOW) is None
