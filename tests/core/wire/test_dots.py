"""Dot-stuffed text: one end mark, one way to be wrong for each lone character, the same result however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.wire.dots import DotReader, stuff
from tests.core.wire.feeding import cut_at, cuts

GOOD = {
    b".\r\n": b"",
    b"\r\n.\r\n": b"\r\n",
    b"text\r\n.\r\n": b"text\r\n",
    b"..\r\n.\r\n": b".\r\n",
    b"...\r\n.\r\n": b"..\r\n",
    b"a\r\n..b\r\n\r\n...\r\n.\r\n": b"a\r\n.b\r\n\r\n..\r\n",
    b".a\r\n.\r\n": b"a\r\n",
    b"a.\r\n.\r\n": b"a.\r\n",
    b"a.b\r\n..\r\n..\r\n.\r\n": b"a.b\r\n.\r\n.\r\n",
    b"\xff\xfe8 bit\r\n.\r\n": b"\xff\xfe8 bit\r\n",
}
SMUGGLED = [  # what some server somewhere has taken for the end of a message, and the fault it is here
    (b"\n.\n", "bare-lf"),
    (b"\n.\r\n", "bare-lf"),
    (b"\r\n.\n", "bare-lf"),
    (b"\r.\r", "bare-cr"),
    (b"\r.\r\n", "bare-cr"),
    (b"\r\n.\r", "bare-cr"),
    (b"\r\r\n.\r\r\n", "bare-cr"),
    (b"\n\r.\n\r", "bare-lf"),
    (b"\r\n\0.\r\n", "nul"),
    (b"\r\n.\0\r\n", "nul"),
    (b"\0\r\n", "nul"),
    (b"\n\n.\r\n", "bare-lf"),
    (b"\r\n.\r.\n", "bare-cr"),
]
SECOND = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nFrom: forged\r\n"


def read(pieces: list[bytes]) -> tuple[bytes, bytes, str | None, bool]:
    """(text, what came after the end, fault, done); pieces after the end are not fed, as in the dialogue."""
    reader, text, rest = DotReader(), b"", b""
    for piece in pieces:
        if reader.done:
            rest += piece
        else:
            text += b"".join(reader.feed(piece))
    return text, reader.rest + rest, reader.fault, reader.done


@pytest.mark.parametrize("stuffed", GOOD)
@pytest.mark.parametrize("trailing", [b"", b"QUIT\r\n", b".", b"\r\n.\r\n"])
def test_text_ends_at_the_single_dot_and_loses_its_stuffing(stuffed: bytes, trailing: bytes) -> None:
    for pieces in cuts(stuffed + trailing):
        assert read(pieces) == (GOOD[stuffed], trailing, None, True)


@pytest.mark.parametrize(("trick", "fault"), SMUGGLED)
def test_nothing_but_CRLF_dot_CRLF_ends_a_message(trick: bytes, fault: str) -> None:
    for pieces in cuts(b"Subject: x\r\n\r\nfirst" + trick + SECOND + b".\r\nNOOP\r\n"):
        _, rest, found, done = read(pieces)
        assert (rest, found, done) == (b"NOOP\r\n", fault, True)


@pytest.mark.parametrize(("trick", "fault"), SMUGGLED)
def test_a_trick_right_at_the_start_is_a_fault_as_well(trick: bytes, fault: str) -> None:
    _, rest, found, done = read([trick.removeprefix(b"\r\n") + b"x\r\n.\r\nNOOP\r\n"])
    assert (rest, found, done) == (b"NOOP\r\n", fault, True)


def test_no_text_is_given_out_from_the_fault_on() -> None:
    reader = DotReader()
    assert reader.feed(b"good line\r\nmore") == [b"good line\r\nmore"]
    assert reader.feed(b"bad \n line") == []
    assert reader.feed(b"good again\r\n.\r\n") == []
    assert reader.done


def test_what_may_begin_the_end_is_held_back() -> None:
    reader = DotReader()
    assert reader.feed(b"text\r\n.\r") == [b"text"]
    assert reader.feed(b"\n") == [b"\r\n"]
    assert reader.done


TEXT = st.lists(st.sampled_from([b"\r\n", b".", b"a", b"..", b"\r\n.", b"\xe4", b" "])).map(b"".join)
ANYTHING = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\0", b"\r\n.\r\n", b"\r\n."])).map(b"".join)


@given(TEXT, st.lists(st.integers(0, 60)), ANYTHING)
def test_what_is_stuffed_comes_back(text: bytes, places: list[int], trailing: bytes) -> None:
    wire = b"".join(stuff(cut_at(text, places)))
    whole = text if not text or text.endswith(b"\r\n") else text + b"\r\n"
    assert read(cut_at(wire + trailing, places)) == (whole, trailing, None, True)


@given(ANYTHING, st.lists(st.integers(0, 80)))
def test_any_bytes_are_read_alike_however_they_are_cut(data: bytes, places: list[int]) -> None:
    end = (b"\r\n" + data).find(b"\r\n.\r\n")
    text, rest, fault, done = read([data] if data else [])
    assert done == (end >= 0)
    if done:
        assert rest == data[end + 3 :]
        assert (fault is not None) == _has_lone_characters(data[:end])
    for pieces in (cut_at(data, places), [data[at : at + 1] for at in range(len(data))]):
        again = read(pieces)
        assert again[1:] == (rest, fault, done)
        assert fault is not None or again[0] == text or not done


@given(st.binary(), st.lists(st.integers(0, 80)))
def test_stuffing_never_makes_an_end_in_the_middle(data: bytes, places: list[int]) -> None:
    wire = b"".join(stuff(cut_at(data, places)))
    assert (b"\r\n" + wire).find(b"\r\n.\r\n") == len(wire) - 3


def _has_lone_characters(text: bytes) -> bool:
    rest = text.replace(b"\r\n", b"")
    return any(lone in rest for lone in (b"\r", b"\n", b"\0"))
