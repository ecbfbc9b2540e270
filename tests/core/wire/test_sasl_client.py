"""The simple client mechanisms and the choice among those a server offers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.wire.sasl_client import Login, SaslFault, candidates, error_text

PASSWORD = Login("tim", "tanstaaftanstaaf")
TOKEN = Login("user@example.com", token="vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", host="server.example.com", port=143)
ALL = ["LOGIN", "PLAIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "XOAUTH2", "OAUTHBEARER", "GSSAPI"]


def test_plain_says_everything_at_once() -> None:
    assert candidates(["PLAIN"], PASSWORD, encrypted=True)["PLAIN"]().initial() == b"\0tim\0tanstaaftanstaaf"


def test_login_answers_two_questions_and_no_third() -> None:
    login = candidates(["LOGIN"], PASSWORD, encrypted=True)["LOGIN"]()
    assert login.initial() is None
    assert [login.step(b"User Name\0"), login.step(b"whatever")] == [b"tim", b"tanstaaftanstaaf"]
    with pytest.raises(SaslFault):
        login.step(b"again")


def test_cram_md5_answers_as_in_rfc_2195() -> None:
    cram = candidates(["CRAM-MD5"], PASSWORD, encrypted=False)["CRAM-MD5"]()
    assert cram.initial() is None
    assert cram.step(b"<1896.697170952@postoffice.reston.mci.net>") == b"tim b913a602c7eda7a495b4e6e7334d3890"


def test_oauthbearer_is_the_message_of_rfc_7628() -> None:
    message = (
        b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
    )
    assert candidates(["OAUTHBEARER"], TOKEN, encrypted=True)["OAUTHBEARER"]().initial() == message


def test_xoauth2_is_the_message_that_google_documents() -> None:
    message = b"user=user@example.com\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
    assert candidates(["XOAUTH2"], TOKEN, encrypted=True)["XOAUTH2"]().initial() == message


@pytest.mark.parametrize(("name", "answer"), [("OAUTHBEARER", b"\x01"), ("XOAUTH2", b"")])
def test_an_error_challenge_is_kept_and_answered(name: str, answer: bytes) -> None:
    mechanism = candidates([name], TOKEN, encrypted=True)[name]()
    mechanism.initial()
    assert mechanism.step(b'{"status":"invalid_token","scope":"mail.send"}') == answer
    assert mechanism.error == "status=invalid_token scope=mail.send"


@pytest.mark.parametrize(("name", "login"), [("PLAIN", PASSWORD), ("XOAUTH2", TOKEN), ("SCRAM-SHA-256", PASSWORD)])
def test_a_server_may_ask_for_the_initial_response_once_but_not_forever(name: str, login: Login) -> None:
    mechanism = candidates([name], login, encrypted=True)[name]()
    assert mechanism.step(b"") == mechanism.initial()
    with pytest.raises(SaslFault):
        [mechanism.step(b"") for _ in range(3)]


def test_success_after_an_error_challenge_is_not_believed() -> None:
    mechanism = candidates(["XOAUTH2"], TOKEN, encrypted=True)["XOAUTH2"]()
    mechanism.step(b'{"status":"401"}')
    with pytest.raises(SaslFault, match="after an error"):
        mechanism.finish()


def test_a_password_prefers_mechanisms_that_do_not_send_it() -> None:
    assert list(candidates(ALL, PASSWORD, encrypted=True)) == ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"]


def test_a_password_is_never_sent_in_clear() -> None:
    assert list(candidates(ALL, PASSWORD, encrypted=False)) == ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"]


def test_a_token_uses_only_the_mechanisms_for_tokens() -> None:
    assert list(candidates(ALL, TOKEN, encrypted=True)) == ["OAUTHBEARER", "XOAUTH2"]


def test_a_token_is_never_sent_in_clear() -> None:
    assert candidates(ALL, TOKEN, encrypted=False) == {}


def test_the_servers_spelling_of_mechanisms_does_not_matter() -> None:
    assert list(candidates(["plain"], PASSWORD, encrypted=True)) == ["PLAIN"]


@given(st.binary(max_size=300))
def test_the_words_of_any_error_challenge_fit_on_one_line(challenge: bytes) -> None:
    words = error_text(challenge)
    assert words
    assert words.isprintable()
