"""The small HTTP of the metrics pages against what strangers send."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom_metrics.http import HEADERS, answer, converse, response
from postroom_metrics.http import LINE as LONGEST

PAGES = {b"/livez": lambda: response(200, b"alive\n")}


class Lines:
    """A stream with these lines; then it is closed."""

    def __init__(self, *lines: bytes) -> None:
        self.lines, self.written = list(lines), b""

    def read_line(self, limit: int) -> bytes:
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)

    def write(self, data: bytes) -> None:
        self.written += data

    def flush(self) -> None:
        pass


def say(*lines: bytes) -> bytes:
    stream = Lines(*lines)
    with contextlib.suppress(EOFError):
        converse(stream, PAGES)  # type: ignore[arg-type]
    return stream.written


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /livez HTTP/1.1", 200),
        (b"GET /livez?x=1 HTTP/1.1", 200),
        (b"GET /other HTTP/1.1", 404),
        (b"HEAD /livez HTTP/1.1", 200),
        (b"POST /livez HTTP/1.1", 405),
        (b"GET /livez", 400),
        (b"", 400),
        (b"GET /livez SMTP/1.1", 400),
    ],
)
def test_a_request_line_gets_its_status(request_line: bytes, status: int) -> None:
    assert answer(request_line, PAGES).startswith(b"HTTP/1.1 %d " % status)


def test_head_gives_the_head_of_get_alone() -> None:
    head, empty_line, _ = answer(b"GET /livez HTTP/1.1", PAGES).partition(b"\r\n\r\n")
    assert answer(b"HEAD /livez HTTP/1.1", PAGES) == head + empty_line


def test_a_method_that_is_refused_hears_which_are_not() -> None:
    assert b"\r\nAllow: GET, HEAD\r\n" in answer(b"POST /livez HTTP/1.1", PAGES)


def test_the_connection_stays_open_unless_the_client_closes() -> None:
    twice = [b"GET /livez HTTP/1.1", b"Host: x", b""] * 2
    assert say(*twice).count(b"alive\n") == 2


@pytest.mark.parametrize("first", [[b"GET /livez HTTP/1.0", b""], [b"GET /livez HTTP/1.1", b"Connection: close", b""]])
def test_the_connection_ends_when_the_client_wants(first: list[bytes]) -> None:
    assert say(*first, b"GET /livez HTTP/1.1", b"").count(b"alive\n") == 1


def test_too_many_header_lines_end_the_connection() -> None:
    written = say(b"GET /livez HTTP/1.1", *[b"X: y"] * HEADERS, b"", b"GET /livez HTTP/1.1", b"")
    assert written.startswith(b"HTTP/1.1 400 ")


def test_a_line_of_a_request_is_bounded() -> None:
    assert LONGEST <= 8192


@given(st.binary(max_size=200))
def test_any_line_gets_an_answer(line: bytes) -> None:
    assert answer(line, PAGES).startswith(b"HTTP/1.1 ")
