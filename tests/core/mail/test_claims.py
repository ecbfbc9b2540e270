"""Authentication-Results of strangers that claim to be ours (RFC 8601 section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail import headers
from postroom.mail.claims import CLAIM, LIMIT, NAME, ClaimFilter, authserv_id

OURS = frozenset({"mail.example.test", "mx.xn--mnchen-3ya.test"})
FORGED = b"Authentication-Results: mail.example.test; dkim=pass\r\n"
RENAMED = b"X-Authentication-Claim: mail.example.test; dkim=pass\r\n"


def passed(pieces: Iterable[bytes]) -> bytes:
    """What is kept of a message that comes in these pieces."""
    screen = ClaimFilter(OURS)
    kept = [screen.feed(piece) if not screen.done else piece for piece in pieces]
    return b"".join(kept) + screen.finish()


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def test_the_new_name_is_as_long_as_the_old_one() -> None:
    assert len(CLAIM) == len(NAME)


@pytest.mark.parametrize(
    "value",
    [
        b" mail.example.test; spf=pass",
        b"mail.example.test;spf=pass",
        b" Mail.Example.TEST ; spf=pass",
        b" mail.example.test.; spf=pass",
        b" mail.example.test 1; spf=pass",
        b" mail.example.test/1; spf=pass",
        b" mail.example.test(us); spf=pass",
        b" mail.example.test",
        b"\r\n mail.example.test;\r\n\tspf=pass",
        b"\r\n\t(a)\r\n (b (c) \\) ; d)mail.example.test; none",
        b' "mail.example.test"; none',
        b' "MAIL.\\example.test" 1; none',
        b' "\r\n mail.example.test"; none',
        " mx.münchen.test; none".encode(),
        " MX.MÜNCHEN.TEST; none".encode(),
        b" mx.xn--mnchen-3ya.test; none",
    ],
)
def test_our_name_is_found_however_it_is_written(value: bytes) -> None:
    message = b"From: a@b.example\r\nAuthentication-Results:" + value + b"\r\n\r\nbody\r\n"
    assert passed([message]) == message.replace(b"Authentication-Results:", b"X-Authentication-Claim:")


@pytest.mark.parametrize(
    "value",
    [
        b" mx.example.test; spf=pass",
        b" example.test; spf=pass",
        b" mail.example.test.evil.example; spf=pass",
        b" evil.mail.example.test; spf=pass",
        b" (mail.example.test) other.example; spf=pass",
        b" other.example; (mail.example.test) spf=pass",
        b' "mail.example.test@other.example"; none',
        b" spf=pass smtp.mailfrom=mail.example.test",
        " münchen.test; none".encode(),
        b" \xff\xfe.test; none",
    ],
)
def test_what_others_found_stays(value: bytes) -> None:
    message = b"From: a@b.example\r\nAuthentication-Results:" + value + b"\r\n\r\nbody\r\n"
    assert passed([message]) == message


@pytest.mark.parametrize(
    "value", [b"", b" ; dkim=pass", b" (never closed mail.example.test; dkim=pass", b' "open', b" " + b"(" * 9 + b")" * 9]
)
def test_what_cannot_be_read_is_nobodys_word(value: bytes) -> None:
    assert passed([b"Authentication-Results:" + value + b"\r\n\r\n"]) == b"X-Authentication-Claim:" + value + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        (b"AUTHENTICATION-results", True),
        (b"Authentication-Results ", True),
        (b"Authentication-Results \t ", True),
        (b"ARC-Authentication-Results", False),
        (b"X-Authentication-Results", False),
        (b"Authentication-Results-Original", False),
        (b" Authentication-Results", False),
    ],
)
def test_only_this_field_counts(name: bytes, renamed: bool) -> None:
    start, end = b"Subject: x\r\n", b": mail.example.test; dkim=pass\r\n\r\n"
    wanted = CLAIM + name[len(CLAIM) :] if renamed else name
    assert passed([start + name + end]) == start + wanted + end


@pytest.mark.parametrize(
    "message",
    [
        b"Subject: x\r\n\r\n" + FORGED,
        b"Subject: x\n\n" + FORGED,  # a header as BINARYMIME may have it
        b"\r\n" + FORGED,
        b"\n" + FORGED,
        b"Subject: Authentication-Results: mail.example.test\r\n\r\n" + FORGED,
        b"",
        b"\r\n",
        b"Authentication-Results",
        b"Authentication-Results\r\n: mail.example.test\r\n\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_behind_the_header_nothing_is_changed(message: bytes, size: int) -> None:
    assert passed(cut(message, size)) == message


@pytest.mark.parametrize(
    "before", [b"", b"A: b\r\n", b"A: b\n", b"no field\r\n", b"Authentication-Results: other.example; none\r\n", b"A: \r\n" * 40_000]
)
@pytest.mark.parametrize("size", [7, 65_536])
def test_the_field_is_found_wherever_it_stands(before: bytes, size: int) -> None:
    rest = b"To: c@d.example\r\n\r\n" + FORGED
    assert passed(cut(before + FORGED + rest, size)) == before + RENAMED + rest


def test_a_message_that_ends_in_its_header_is_looked_at_too() -> None:
    assert passed([FORGED[:-2]]) == RENAMED[:-2]
    assert passed([FORGED]) == RENAMED


@pytest.mark.parametrize("size", [100, 100_000])
@pytest.mark.parametrize("value", [b"(" + b"x" * LIMIT + b")", b" \r\n" * LIMIT, b"(" * LIMIT, b"(x" * LIMIT, b'"' + b"\\" * LIMIT])
def test_no_padding_hides_the_name(value: bytes, size: int) -> None:
    end = b" mail.example.test; dkim=pass\r\nTo: c@d.example\r\n\r\n"
    kept = passed(cut(b"Authentication-Results:" + value + end, size))
    assert kept == CLAIM + b":" + value + end


def test_a_name_across_the_limit_is_not_taken_for_another() -> None:
    for length in range(LIMIT - 60, LIMIT):
        value = b"(" + b"x" * length + b")mail.example.test; dkim=pass\r\n\r\n"
        assert passed([b"Authentication-Results:" + value]).startswith(CLAIM)


def test_a_long_field_of_others_stays() -> None:
    message = b"Authentication-Results: other.example;" + b"\r\n dkim=pass" * LIMIT + b"\r\n\r\n"
    assert passed(cut(message, 1000)) == message


def test_no_more_is_held_than_the_limit() -> None:
    screen = ClaimFilter(OURS)
    taken = given_back = 0
    for piece in cut(b"Authentication-Results:" + b" \r\n" * 100_000, 1000):
        taken, given_back = taken + len(piece), given_back + len(screen.feed(piece))
        assert taken - given_back <= LIMIT + len(b"\r\n")


def test_the_body_goes_by_untouched_once_the_header_is_over() -> None:
    screen = ClaimFilter(OURS)
    piece = b"Subject: x\r\n\r\nbody"
    assert screen.feed(piece) is piece
    assert screen.done


def test_the_renamed_fields_are_counted() -> None:
    screen = ClaimFilter(OURS)
    screen.feed(FORGED * 3 + b"\r\n")
    assert screen.renamed == 3


def test_the_name_that_a_field_begins_with_is_told() -> None:
    assert authserv_id(b' (x) "Example.test." 1; none') == "example.test"
    assert authserv_id(b"example.test", cut=True) is None


SPACE = st.sampled_from([b"", b" ", b"\t", b"\r\n ", b"(x)", b" (a (b\\)) c)\r\n\t", b"\r\n (;) "])
SPELLING = st.sampled_from([b"mail.example.test", b"MAIL.example.TEST.", b'"mail.example.test"', b'"m\\ail.example.test."'])
OTHER = st.sampled_from([b"other.example", b'"mail.example.test.other"', b"mail.example.tes", b"mailexample.test", b"x"])
TITLE = st.sampled_from([b"Authentication-Results:", b"authentication-results :", b"AUTHENTICATION-RESULTS\t:"])
PLAIN = st.sampled_from([b"Subject: x\r\n", b"A:\r\n b\r\n", b"Authentication-Result: mail.example.test\r\n", b"nothing\r\n"])
MINE = st.tuples(TITLE, SPACE, SPELLING, SPACE).map(lambda parts: (b"".join(parts) + b"; a=b\r\n", True))
LINES = st.lists(
    st.one_of(PLAIN.map(lambda line: (line, False)), MINE, st.tuples(TITLE, SPACE, OTHER).map(lambda p: (b"".join(p) + b";\r\n", False)))
)


@given(lines=LINES, body=st.one_of(st.just(b""), st.just(b"\r\n" + FORGED)), sizes=st.lists(st.integers(0, 30)))
def test_however_a_message_is_cut_just_our_fields_are_renamed(lines: list[tuple[bytes, bool]], body: bytes, sizes: list[int]) -> None:
    message = b"".join(line for line, _ in lines) + body
    wanted = b"".join(CLAIM + line[len(CLAIM) :] if mine else line for line, mine in lines) + body
    pieces, at = [], 0
    for size in sizes:
        pieces.append(message[at : at + size])
        at += size
    assert passed([*pieces, message[at:]]) == wanted


@given(
    data=st.lists(st.sampled_from([FORGED, FORGED[:30], b"\r", b"\n", b"\r\n", b" ", b"(", b'"', b"\\", b":", b"A", b"\xff"])).map(
        b"".join
    ),
    size=st.integers(1, 40),
)
def test_no_garbage_leaves_a_field_of_ours_in_the_header(data: bytes, size: int) -> None:
    kept = passed(cut(data, size))
    assert len(kept) == len(data)
    assert kept == passed([data])
    for name, value in headers.fields(kept[: headers.end_of(kept)]):
        assert name.lower() != "authentication-results" or authserv_id(value) not in OURS
