"""The first lines of a message, and messages without blank lines at the end, whatever the chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom_pop3_server.text import first_lines, without_blank_end

MESSAGE = b"A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\nthree\r\n"


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (0, b"A: 1\r\nB: 2\r\n\r\n"),
        (1, b"A: 1\r\nB: 2\r\n\r\none\r\n"),
        (2, b"A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n"),
        (99, MESSAGE),
    ],
)
def test_top_gives_the_header_and_so_many_lines(lines: int, wanted: bytes, size: int) -> None:
    assert b"".join(first_lines(cut(MESSAGE, size), lines)) == wanted


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_message_without_header_begins_with_its_blank_line(size: int) -> None:
    assert b"".join(first_lines(cut(b"\r\none\r\ntwo\r\n", size), 1)) == b"\r\none\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_message_of_headers_only_comes_whole(size: int) -> None:
    assert b"".join(first_lines(cut(b"A: 1\r\nB: 2\r\n", size), 5)) == b"A: 1\r\nB: 2\r\n"


@given(st.binary(max_size=300), st.integers(1, 50), st.integers(0, 5))
def test_what_comes_is_always_the_beginning(data: bytes, size: int, lines: int) -> None:
    assert data.startswith(b"".join(first_lines(cut(data, size), lines)))


@given(st.lists(st.sampled_from([b"text", b"\r\n", b"."]), max_size=30), st.integers(1, 7))
def test_blank_lines_go_only_at_the_end(parts: list[bytes], size: int) -> None:
    data = b"".join(parts)
    kept = data.rstrip(b"\r\n")
    assert b"".join(without_blank_end(cut(data, size))) == kept + (b"\r\n" if kept != data else b"")
