"""The signed messages of RFC 8463 appendix A.3 and of RFC 6376 appendix A.2, with the keys that stand there."""

from __future__ import annotations

import pytest

from postroom.mail.dkim import Result, verify
from postroom.mail.message import Message
from tests.core.mail.dkim.keys import BRISBANE, PRIVATE, PUBLISHED, SIGNATURES, SIMPLE, UNSIGNED, published

NOW = 1_528_637_999


def results(data: bytes, now: float = NOW) -> list[str]:
    return [one.status for one in verify(Message.whole(data), published, now)]


def test_both_signatures_of_the_appendix_are_valid() -> None:
    assert results(SIGNATURES + UNSIGNED) == ["pass", "pass"]


def test_the_public_key_of_the_appendix_belongs_to_its_private_key() -> None:
    assert PUBLISHED["brisbane._domainkey.football.example.com"].endswith("p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")


def test_our_keys_make_the_signatures_of_the_appendix() -> None:
    found = verify(Message.whole(SIGNATURES + UNSIGNED), published, NOW)
    from postroom.mail.dkim.canonical import fields, signed_bytes

    for one in found:
        assert one.signature is not None
        data = signed_bytes(fields(Message.whole(SIGNATURES + UNSIGNED)), one.signature.names, one.signature.field, "relaxed")
        assert PRIVATE[one.signature.selector].sign(data) == one.signature.data


@pytest.mark.parametrize(("old", "new"), [(b"Hi.", b"Ho."), (b"Subject: Is", b"Subject: Was"), (b"t=1528637909", b"t=1528637908")])
def test_any_change_breaks_them(old: bytes, new: bytes) -> None:
    assert results((SIGNATURES + UNSIGNED).replace(old, new)) == ["fail", "fail"]


def test_a_second_From_above_breaks_what_was_oversigned() -> None:
    assert results(b"From: x@evil.example\r\n" + SIGNATURES + UNSIGNED) == ["fail", "fail"]


def test_other_folding_and_white_space_change_nothing_when_relaxed() -> None:
    assert results((SIGNATURES + UNSIGNED).replace(b"Subject: Is dinner", b"SUBJECT  :   Is\r\n\t dinner") + b"\r\n\r\n") == [
        "pass",
        "pass",
    ]


def test_without_a_key_record_there_is_no_result_but_an_error() -> None:
    found = verify(Message.whole(SIGNATURES + UNSIGNED), lambda name: "", NOW)
    assert [(one.status, one.reason) for one in found] == [("permerror", "there is no key record")] * 2
    assert all(isinstance(one, Result) for one in found)


def of_simple(data: bytes) -> str:
    names = {"brisbane._domainkey.example.com": BRISBANE}
    (found,) = verify(Message.whole(data), lambda name: names.get(name, ""), NOW)
    return found.status


def test_the_signature_in_the_simple_form_is_valid() -> None:
    assert of_simple(SIMPLE) == "pass"


@pytest.mark.parametrize(("old", "new"), [(b"  [192.0.2.1]", b" [192.0.2.1]"), (b"To: ", b"to: "), (b"Joe.\r\n", b"Joe. \r\n")])
def test_other_white_space_or_case_breaks_the_simple_form(old: bytes, new: bytes) -> None:
    assert of_simple(SIMPLE.replace(old, new)) == "fail"


def test_empty_lines_at_the_end_do_not_break_the_simple_form() -> None:
    assert of_simple(SIMPLE + b"\r\n\r\n") == "pass"
