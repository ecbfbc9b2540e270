"""What we sign dkimpy verifies, and the other way round, for ordinary and odd messages."""

from __future__ import annotations

import itertools
import time

import dkim as dkimpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.mail.dkim import BodyHash, Plan, hash_body, sign, verify
from postroom.mail.dkim.canonical import fields
from postroom.mail.message import Message
from tests.core.mail.dkim.keys import DOMAIN, PRIVATE, RSA_PEM, SEED, UNSIGNED, for_dkimpy, published

NOW = int(time.time())  # dkimpy looks at the clock
FORMS = ("simple", "relaxed")
PAIRS = list(itertools.product(FORMS, FORMS))

ODD = [
    UNSIGNED,
    b"From: a@football.example.com\r\n\r\n",
    b"From: a@football.example.com\r\n",
    b"From: a@football.example.com\r\n\r\nno line end",
    b"From: a@football.example.com\r\n\r\n\r\n\r\n\r\n",
    b"From: a@football.example.com\r\n\r\n \t \r\n\t\r\n",
    b"From: a@football.example.com\r\n\r\n x \t y\t\r\n\r\n\r\n",
    b"From: a@football.example.com\r\nSubject: folded\r\n\t again \r\n  and again\r\nTo: b@c.example, \r\n d@e.example\r\n\r\nx\r\n",
    "From: ä@football.example.com\r\nSubject: größer\r\n\r\nÄ\r\n".encode(),
    b"From: a@football.example.com\r\nSubject:\r\n\r\n" + b"x" * 5000 + b"\r\n",
    b"From: a@football.example.com\r\nSubject: 1\r\nSubject: 2\r\nReceived: x\r\n\r\ny\r\n",
]


def signed(data: bytes, selector: str, header: str, body: str) -> bytes:
    message = Message.whole(data)
    digest = BodyHash(body)
    hash_body(message, [digest])
    plan = Plan(DOMAIN, selector, header, body, lasts=86_400)
    return sign(fields(message), digest.digest(), PRIVATE[selector], plan, NOW) + b"\r\n" + data


def by_dkimpy(data: bytes, selector: str, header: str, body: str) -> bytes:
    import base64

    key, algorithm = (RSA_PEM.encode(), b"rsa-sha256") if selector == "test" else (base64.b64encode(SEED), b"ed25519-sha256")
    how = (header.encode(), body.encode())
    line: bytes = dkimpy.sign(data, selector.encode(), DOMAIN.encode(), key, canonicalize=how, signature_algorithm=algorithm)
    return line + data


@pytest.mark.parametrize("selector", ["test", "brisbane"])
@pytest.mark.parametrize(("header", "body"), PAIRS)
@pytest.mark.parametrize("data", ODD)
def test_dkimpy_accepts_what_we_sign(data: bytes, selector: str, header: str, body: str) -> None:
    assert dkimpy.verify(signed(data, selector, header, body), dnsfunc=for_dkimpy, minkey=1024)


@pytest.mark.parametrize("selector", ["test", "brisbane"])
@pytest.mark.parametrize(("header", "body"), PAIRS)
@pytest.mark.parametrize("data", ODD)
def test_we_accept_what_dkimpy_signs(data: bytes, selector: str, header: str, body: str) -> None:
    made = by_dkimpy(data, selector, header, body)
    assert [one.status for one in verify(Message.whole(made), published, NOW)] == ["pass"]


PIECES = st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"b ", b"  ", b"\r\n\r\n", b"\xe4", b"= ", b"..", b"\r\n \t\r\n"])


@settings(max_examples=200, deadline=None)
@given(
    body=st.lists(PIECES | st.sampled_from([b"\r", b"\n", b"\n\n", b" \n", b"\r\r\n", b"\0"]), max_size=20).map(b"".join),
    form=st.sampled_from(FORMS),
)
def test_dkimpy_accepts_any_body(body: bytes, form: str) -> None:
    data = b"From: a@football.example.com\r\n\r\n" + body + b"\r\n"
    assert dkimpy.verify(signed(data, "brisbane", form, form), dnsfunc=for_dkimpy)


@settings(max_examples=200, deadline=None)
@given(value=st.lists(PIECES.filter(lambda piece: b"\n" not in piece) | st.sampled_from([b"\r\n ", b"\r\n\tx"]), max_size=12).map(b"".join))
def test_dkimpy_accepts_any_header(value: bytes) -> None:
    data = b"From: a@football.example.com\r\nSubject: " + value + b"x\r\n\r\nHello\r\n"
    assert dkimpy.verify(signed(data, "brisbane", "relaxed", "relaxed"), dnsfunc=for_dkimpy)
    assert dkimpy.verify(signed(data, "brisbane", "simple", "simple"), dnsfunc=for_dkimpy)


NAMES = ("From", "from", "Subject", "SUBJECT", "To", "Received", "Resent-From", "List-Id", "X-Other", "DKIM-Signature", "Content-Type")
VALUES = st.text("ab;:= \t\u00e4=?", max_size=20).map(str.encode) | st.sampled_from(
    [b"x\r\n y", b"\r\n\tfolded", b"x" * 990, b"b=abc; bh="]
)


@settings(max_examples=200, deadline=None)
@given(fields=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=12), form=st.sampled_from(FORMS))
def test_dkimpy_accepts_any_fields_however_often_they_are_there(fields: list[tuple[str, bytes]], form: str) -> None:
    lines = [name.encode() + b":" + value + b"z" for name, value in [*fields, ("From", b" a@football.example.com")]]
    data = b"\r\n".join(lines) + b"\r\n\r\nHello\r\n"
    assert dkimpy.verify(signed(data, "brisbane", form, "relaxed"), dnsfunc=for_dkimpy)
