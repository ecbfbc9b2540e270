"""PLAIN, LOGIN and CRAM-MD5, server side: what is accepted, and that nothing a stranger sends raises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.wire.sasl import MALFORMED, MAX_NAME, MAX_PASSWORD, Challenge, CramMd5, Denied, Done, Exchange, Login, Plain
from postroom.wire.scram import ScramSecret, ScramServer

RFC_2195_CHALLENGE = "<1896.697170952@postoffice.reston.mci.net>"


def check(name: str, password: str) -> Done | Denied:
    return Done(name) if (name, password) == ("tim", "pässword") else Denied()


def find(name: str) -> bytes | Denied:
    return b"tanstaaftanstaaf" if name == "tim" else b"\0" * 16


def test_plain_accepts_the_right_password() -> None:
    assert Plain(check).step("\0tim\0pässword".encode()) == Done("tim")


def test_plain_denies_a_wrong_password() -> None:
    assert Plain(check).step(b"\0tim\0wrong") == Denied()


def test_plain_asks_when_there_is_no_initial_response() -> None:
    exchange = Plain(check)
    assert exchange.step(None) == Challenge(b"")
    assert exchange.step("\0tim\0pässword".encode()) == Done("tim")


def test_plain_takes_an_authorization_identity_that_is_the_user() -> None:
    assert Plain(check).step("tim\0tim\0pässword".encode()) == Done("tim")


def test_plain_lets_nobody_act_for_another() -> None:
    assert isinstance(Plain(check).step("fred\0tim\0pässword".encode()), Denied)


@pytest.mark.parametrize(
    "response",
    [b"", b"tim", b"\0tim", b"\0\0x", b"\0tim\0", b"a\0b\0c\0d", b"\0tim\0\xff", b"\0\xff\0x"],
)
def test_plain_calls_other_bytes_malformed(response: bytes) -> None:
    outcome = Plain(check).step(response)
    assert isinstance(outcome, Denied)
    assert outcome.reply is MALFORMED


@pytest.mark.parametrize("response", [b"\0" + b"n" * (MAX_NAME + 1) + b"\0x", b"\0n\0" + b"x" * (MAX_PASSWORD + 1)])
def test_plain_hashes_nothing_oversized(response: bytes) -> None:
    def never(name: str, password: str) -> Done | Denied:
        raise AssertionError("checked")

    assert isinstance(Plain(never).step(response), Denied)


def test_login_asks_for_name_and_password() -> None:
    exchange = Login(check)
    assert exchange.step(None) == Challenge(b"Username:")
    assert exchange.step(b"tim") == Challenge(b"Password:")
    assert exchange.step("pässword".encode()) == Done("tim")


def test_login_takes_the_name_as_initial_response() -> None:
    exchange = Login(check)
    assert exchange.step(b"tim") == Challenge(b"Password:")
    assert exchange.step("pässword".encode()) == Done("tim")


def test_login_denies_a_wrong_password() -> None:
    exchange = Login(check)
    exchange.step(b"tim")
    assert exchange.step(b"wrong") == Denied()


def test_cram_md5_accepts_the_digest_of_rfc_2195() -> None:
    exchange = CramMd5(find, RFC_2195_CHALLENGE)
    assert exchange.step(None) == Challenge(RFC_2195_CHALLENGE.encode())
    assert exchange.step(b"tim b913a602c7eda7a495b4e6e7334d3890") == Done("tim")


def test_cram_md5_accepts_digits_in_upper_case() -> None:
    exchange = CramMd5(find, RFC_2195_CHALLENGE)
    exchange.step(None)
    assert exchange.step(b"tim B913A602C7EDA7A495B4E6E7334D3890") == Done("tim")


@pytest.mark.parametrize("response", [b"", b"tim", b"tim b913", b"tim " + b"0" * 32, b"fred b913a602c7eda7a495b4e6e7334d3890"])
def test_cram_md5_denies_everything_else(response: bytes) -> None:
    exchange = CramMd5(find, RFC_2195_CHALLENGE)
    exchange.step(None)
    assert isinstance(exchange.step(response), Denied)


def test_cram_md5_takes_no_initial_response() -> None:
    assert isinstance(CramMd5(find, RFC_2195_CHALLENGE).step(b"tim b913a602c7eda7a495b4e6e7334d3890"), Denied)


def test_a_denial_counts_as_false() -> None:
    assert not Denied()


EXCHANGES: list[Callable[[], Exchange]] = [
    lambda: Plain(lambda name, password: Denied()),
    lambda: Login(lambda name, password: Denied()),
    lambda: CramMd5(lambda name: b"unknown", RFC_2195_CHALLENGE),
    lambda: ScramServer(lambda name: ScramSecret(4096, b"salt", b"\0" * 32, b"\0" * 32), "server", {}, plus=False),
    lambda: ScramServer(lambda name: ScramSecret(4096, b"salt", b"\0" * 32, b"\0" * 32), "server", {"tls-x": b"cert"}, plus=True),
]
PIECES = [
    b"",
    b"\0",
    b"n,,",
    b"y,,",
    b"p=tls-x,,",
    b"n=tim,r=abc",
    b"n=tim",
    b",",
    b"r=abcserver",
    b"c=biws",
    b",p=",
    b"p=YQ==",
    b"=2C",
    b"m=x",
    b"tim ",
]
responses = st.lists(st.none() | st.binary(max_size=80) | st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join), max_size=5)


@pytest.mark.parametrize("make", EXCHANGES)
@given(answers=responses)
def test_no_exchange_raises_or_accepts_whatever_a_stranger_sends(make: Callable[[], Exchange], answers: list[bytes | None]) -> None:
    exchange = make()
    outcomes = [exchange.step(answer) for answer in answers]
    assert all(isinstance(outcome, Challenge | Denied) for outcome in outcomes)
