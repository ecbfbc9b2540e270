"""Replaced bytes of a message, however it comes in chunks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.message import Message
from postroom.mail.splicing import Edit, merged, part_of, spliced

TEXT = bytes(range(48, 88))


def cut(size: int) -> Message:
    return Message(TEXT, len(TEXT), lambda: (TEXT[at : at + size] for at in range(0, len(TEXT), size)))


EDITS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.binary(max_size=4)), max_size=4)


def without_overlap(wanted: list[tuple[int, int, bytes]]) -> list[Edit]:
    edits: list[Edit] = []
    for start, end, data in sorted(wanted):
        if start <= end and (not edits or start > edits[-1].end):
            edits.append(Edit(start, end, data))
    return edits


@given(wanted=EDITS, size=st.integers(1, 41))
def test_it_is_what_slicing_the_whole_gives(wanted: list[tuple[int, int, bytes]], size: int) -> None:
    edits = without_overlap(wanted)
    expected = TEXT
    for edit in reversed(edits):
        expected = expected[: edit.start] + edit.data + expected[edit.end :]
    made = spliced(cut(size), edits)
    assert b"".join(made.chunks()) == expected == b"".join(made.chunks())
    assert (made.size, made.head) == (len(expected), expected)


@given(start=st.integers(0, 40), end=st.integers(0, 40), size=st.integers(1, 41))
def test_a_part_is_read_out_of_the_chunks(start: int, end: int, size: int) -> None:
    assert part_of(cut(size), start, end) == TEXT[start:end]


@given(wanted=EDITS, size=st.integers(1, 41))
def test_one_edit_can_do_what_many_do(wanted: list[tuple[int, int, bytes]], size: int) -> None:
    edits = without_overlap(wanted)
    expected = b"".join(spliced(cut(size), edits).chunks())
    assert not edits or b"".join(spliced(cut(size), [merged(TEXT, edits)]).chunks()) == expected
