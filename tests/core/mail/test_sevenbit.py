"""Messages made 7-bit: every part says what it said before (the email package is the oracle), and only 7-bit lines are left."""

from __future__ import annotations

import contextlib
import email
import random
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail import sevenbit
from postroom.mail.sevenbit import Unconvertible

BREATHE = lambda: None  # noqa: E731 - tests have nobody to give way to


def converted(message: bytes, size: int = 1 << 20) -> bytes:
    """The message as 7-bit, read in chunks of ``size``."""
    chunks = [message[start : start + size] for start in range(0, len(message), size)]
    return b"".join(sevenbit.plan(lambda: chunks, BREATHE).converted(chunks, BREATHE))


def leaves(message: bytes) -> list[tuple[str, Any]]:
    """Type and decoded content of each part that is not made of parts."""
    found = email.message_from_bytes(message)
    return [(part.get_content_type(), part.get_payload(decode=True)) for part in found.walk() if not part.is_multipart()]


def clean(message: bytes) -> bool:
    """True for 7-bit lines that end in CRLF and are not too long."""
    lines = message.split(b"\r\n")
    return message.isascii() and not any(len(line) > 998 or b"\n" in line or b"\r" in line for line in lines)


# --- any message -------------------------------------------------------------------------------------------------------

words = st.sampled_from(
    [b"word", b"=", b"=3D", b" ", b"\t", b".", b"..", b"--", b"--b", b"From ", b"\xe4", "ü".encode(), b"\xff" * 30, b"x" * 80, b"y" * 1100]
)
texts = st.lists(st.one_of(words, st.just(b"\r\n")), max_size=12).map(b"".join)
binaries = st.one_of(texts, st.binary(max_size=200), st.just(b"a\nb\rc\0"))
KINDS = [b"text/plain; charset=utf-8", b"text/html; charset=iso-8859-1", b"application/octet-stream", b"text/x-odd"]


@st.composite
def leaf(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(KINDS))
    encoding = draw(st.sampled_from([b"8bit", b"8bit", b"8BIT", b"binary", b"7bit", b""]))
    body = draw(binaries if kind == KINDS[2] and encoding == b"binary" else texts)
    field = b"Content-Transfer-Encoding: %b\r\n" % encoding if encoding else b""
    return b"Content-Type: %b\r\n%b\r\n%b" % (kind, field, body)


def multipart(parts: list[bytes], boundary: bytes, encoding: bytes) -> bytes:
    mark = b"--" + boundary
    body = b"".join(b"%b\r\n%b\r\n" % (mark, part) for part in parts)
    return b'Content-Type: multipart/mixed; boundary="%b"\r\nContent-Transfer-Encoding: %b\r\n\r\npreamble\r\n%b%b--\r\n' % (
        boundary,
        encoding,
        body,
        mark,
    )


def embedded(message: bytes) -> bytes:
    return b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: inner\r\nMIME-Version: 1.0\r\n" + message


def around(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    marks = st.integers(0, 10**9).map(lambda number: b"=_%d_" % number)
    parts = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(inner.map(embedded), st.builds(multipart, parts, marks, st.sampled_from([b"7bit", b"8bit", b"binary"])))


messages = st.recursive(leaf(), around, max_leaves=6).map(lambda part: b"Subject: x\r\nMIME-Version: 1.0\r\n" + part)


@given(messages, st.sampled_from([1, 13, 1000, 1 << 20]))
def test_every_part_says_what_it_said(message: bytes, size: int) -> None:
    found = converted(message, size)
    assert clean(found)
    for (kind, before), (same, after) in zip(leaves(message), leaves(found), strict=True):
        assert kind == same
        assert after in {before, before + b"\r\n"}  # the line end that an SMTP message ends with


@given(
    st.lists(
        st.one_of(words, st.sampled_from([b"\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n"])),
        max_size=20,
    )
)
def test_what_is_no_mime_is_refused_or_comes_out_as_seven_bits(pieces: list[bytes]) -> None:
    with contextlib.suppress(Unconvertible):
        assert converted(b"".join(pieces), 7).isascii()


@given(st.binary(max_size=300))
def test_no_bytes_whatever_break_it(message: bytes) -> None:
    with contextlib.suppress(Unconvertible):
        assert converted(message, 7).isascii()


@given(messages)
def test_it_changes_nothing_more_the_second_time(message: bytes) -> None:
    found = converted(message)
    assert converted(found) == found


# --- which encoding ------------------------------------------------------------------------------------------------------

PLAIN = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"


def encoding(message: bytes) -> str:
    return str(email.message_from_bytes(converted(message))["Content-Transfer-Encoding"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("ein wenig grün in viel Text, der sonst keine Umlaute hat\r\n".encode(), "quoted-printable"),
        ("Ελληνικά γράμματα\r\n".encode(), "base64"),
        (b"a\rb\xff\r\n", "base64"),
        (b"plain\r\n", "7bit"),
        (b"x" * 999 + b"\r\n", "quoted-printable"),
        (b"x" * 100_000 + b"\r\n", "base64"),
        (b"nul \0 in a line\r\n", "quoted-printable"),
    ],
)
def test_the_shorter_encoding_is_taken(body: bytes, expected: str) -> None:
    assert encoding(PLAIN + body) == expected
    assert leaves(converted(PLAIN + body))[0][1] == body


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("end", [b"\r\n", b"", b"\r\nx"])
def test_a_line_may_have_998_octets(size: int, end: bytes) -> None:
    short, long = PLAIN + b"y" * 998 + end, PLAIN + b"y" * 999 + end
    assert converted(short, size) == short.replace(b"8bit", b"7bit")
    assert b"quoted-printable" in converted(long, size)


def test_a_line_that_is_broken_does_not_become_a_boundary() -> None:
    body = b"x" * 75 + "--b in the middle of a line, ü\r\n".encode()
    part = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body * 20
    found = converted(b"MIME-Version: 1.0\r\n" + multipart([part], b"b", b"8bit"))
    assert [content for _, content in leaves(found)] == [body * 20]
    assert max(map(len, found.split(b"\r\n"))) <= 76


@pytest.mark.parametrize(
    ("kind", "body", "decoded"),
    [("quoted-printable", b"a=3D\xe9 \xe9=\r\nb\r\n", b"a=\xe9 \xe9b\r\n"), ("base64", b"QUJ\xe9D\r\n", b"ABC")],
)
def test_an_encoded_body_with_8_bit_bytes_is_repaired(kind: str, body: bytes, decoded: bytes) -> None:
    found = converted(b"MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: %b\r\n\r\n" % kind.encode() + body)
    assert found.isascii()
    assert leaves(found) == [("application/x", decoded)]


def test_lines_of_a_repaired_body_stay_short() -> None:
    body = b"\xe9=3D" * 400
    found = converted(PLAIN.replace(b"8bit", b"quoted-printable") + body + b"\r\n")
    assert max(map(len, found.split(b"\r\n"))) <= 76
    assert leaves(found)[0][1] == b"\xe9=" * 400 + b"\r\n"


# --- headers of what is converted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "charset"), [("grün\r\n".encode(), "utf-8"), (b"gr\xfcn\r\n", "unknown-8bit")])
def test_a_message_that_is_not_mime_becomes_it(body: bytes, charset: str) -> None:
    found = email.message_from_bytes(converted(b"Subject: x\r\n\r\n" + body))
    assert (found["MIME-Version"], found.get_content_charset(), found.get_payload(decode=True)) == ("1.0", charset, body)


def test_a_part_that_was_7_bit_stays_byte_for_byte() -> None:
    signed = b"Content-Type: text/plain\r\nX-Odd :  spacing\r\n\r\nkept \r\n as it is=\r\n"
    message = multipart([signed, PLAIN + "ü\r\n".encode()], b"b", b"8bit")
    assert b"--b\r\n" + signed + b"\r\n--b\r\n" in converted(message)


def test_text_around_the_parts_is_masked() -> None:
    found = converted(multipart([b"\r\nx"], b"b", b"8bit").replace(b"preamble", b"\xe4bc"))
    assert b"\r\n\r\n?bc\r\n--b\r\n" in found


# --- what is refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [b"signed; protocol=x; micalg=y", b"encrypted; protocol=x"])
def test_what_is_signed_or_encrypted_is_not_touched(kind: bytes) -> None:
    message = multipart([b"\r\ntext", b"\r\nsignature"], b"b", b"7bit").replace(b"mixed", kind)
    both = multipart([message, PLAIN + b"\xe4\r\n"], b"c", b"8bit")
    assert message in converted(both)
    with pytest.raises(Unconvertible) as caught:
        converted(both.replace(b"signature", b"\xe4"))
    assert caught.value.sealed


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n",
        b"Content-Type: message/partial; id=x; number=1\r\n",
        b"Content-Type: multipart/mixed\r\n",
        b'Content-Type: multipart/mixed; boundary="\xe4"\r\n',
        b"Subject: x\r\nno field\r\n",
    ],
)
def test_what_cannot_be_encoded_is_refused(header: bytes) -> None:
    with pytest.raises(Unconvertible) as caught:
        converted(header + b"\r\n\xe4\r\n--\xe4\r\n\r\nx\r\n")
    assert not caught.value.sealed


def test_a_report_stays_readable_for_programs_that_do_not_decode_it() -> None:
    body = b"Action: failed\r\nDiagnostic-Code: smtp; " + b"\xe4" * 40 + b"\r\n"
    assert b"quoted-printable\r\n\r\nAction: failed\r\n" in converted(b"Content-Type: message/delivery-status\r\n\r\n" + body)


def test_message_global_is_encoded_as_a_whole() -> None:
    inner = "From: jörg@münchen.example\r\n\r\nü\r\n".encode()
    found = converted(b"MIME-Version: 1.0\r\nContent-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + inner)
    assert b"Content-Type: message/global\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nFrom: j=C3=B6rg@" in found


def test_a_header_that_would_take_long_is_refused() -> None:
    for size, body in ((60_000, b"\xe4"), (70_000, b"x")):
        assert clean(converted(b"X: y\r\n" * (size // 6) + b"\r\n" + body + b"\r\n"))
    with pytest.raises(Unconvertible):
        converted(b"X: y\r\n" * 12_000 + b"\r\n\xe4\r\n")


def nested(depth: int) -> bytes:
    message = PLAIN + b"\xe4\r\n"
    for level in range(depth):
        message = multipart([message], b"m%d-" % level, b"8bit")
    return message


def test_parts_nested_too_deeply_are_refused() -> None:
    assert clean(converted(nested(40)))
    with pytest.raises(Unconvertible):
        converted(nested(60))


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(Unconvertible):
        converted(multipart([b"\r\n\xe4"] * 10_100, b"b", b"8bit"))


# --- cost --------------------------------------------------------------------------------------------------------------------


def test_a_large_message_costs_no_memory() -> None:
    block = random.Random(1).randbytes(57 * 1000)
    head = b"MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"

    def chunks() -> Any:
        yield head
        yield from (block for _ in range(200))

    tracemalloc.start()
    try:
        size = sum(map(len, sevenbit.plan(chunks, BREATHE).converted(chunks(), BREATHE)))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert size > 15_000_000


def test_others_get_their_turn_during_long_work() -> None:
    turns = []
    chunks = [PLAIN, *["ü\r\n".encode() * 50_000] * 4]
    sum(map(len, sevenbit.plan(lambda: chunks, lambda: turns.append(1)).converted(chunks, lambda: turns.append(1))))
    assert len(turns) > 3 * 4 * 200_000 // 16_384


def test_a_message_that_is_shorter_than_before_is_refused() -> None:
    chunks = [PLAIN, b"\xe4" * 1000]
    with pytest.raises(Unconvertible):
        list(sevenbit.plan(lambda: chunks, BREATHE).converted(chunks[:1], BREATHE))
