"""Messages are looked at before they leave: no bare CR or LF, and nothing that the server cannot take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.clients.smtp.content import Unsendable, body_type, header_of, only_crlf, strict

lines = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"a", b".", b"\xe9"]), max_size=12).map(b"".join)


@given(lines, st.integers(1, 5))
def test_bare_line_ends_are_found_in_any_pieces(data: bytes, size: int) -> None:
    right = b"\r" not in data.replace(b"\r\n", b"") and b"\n" not in data.replace(b"\r\n", b"")
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert only_crlf(data) is right
    try:
        assert b"".join(strict(pieces)) == data
    except Unsendable:
        assert not right
    else:
        assert right


def test_a_cr_at_the_very_end_is_bare() -> None:
    with pytest.raises(Unsendable):
        list(strict([b"a\r\n", b"b\r"]))


def test_the_header_is_found_across_pieces() -> None:
    assert header_of([b"A: 1\r\nB: 2\r", b"\n\r", b"\nbody \xe9"]) == b"A: 1\r\nB: 2"
    assert header_of([b"A: 1\r\n"]) == b"A: 1\r\n"


ASCII, EIGHT, BARE = b"a\r\nb\r\n", b"\xe9\r\n", b"a\nb\r\n"


@pytest.mark.parametrize(
    ("declared", "message", "eightbit", "binary", "expected"),
    [
        ("7BIT", ASCII, True, True, ""),
        ("8BITMIME", ASCII, True, True, ""),
        ("8BITMIME", ASCII, False, False, ""),
        ("8BITMIME", EIGHT, True, False, "8BITMIME"),
        ("7BIT", EIGHT, True, False, "8BITMIME"),
        ("7BIT", EIGHT, False, False, None),
        ("7BIT", BARE, True, True, None),
        ("BINARYMIME", BARE, True, True, "BINARYMIME"),
        ("BINARYMIME", BARE, True, False, None),
        ("BINARYMIME", EIGHT, True, False, "8BITMIME"),
        ("BINARYMIME", ASCII, False, False, ""),
    ],
)
def test_the_body_parameter(declared: str, message: bytes, eightbit: bool, binary: bool, expected: str | None) -> None:
    for whole, chunks in ((message, ()), (None, [message[:1], message[1:]])):
        if whole is None and declared != "BINARYMIME" and eightbit:
            continue  # large messages are 8BITMIME wherever it is offered
        if expected is None:
            with pytest.raises(Unsendable) as caught:
                body_type(declared, whole, chunks, eightbit=eightbit, binary=binary)
            assert caught.value.reply.enhanced == "5.6.3"
        else:
            assert body_type(declared, whole, chunks, eightbit=eightbit, binary=binary) == expected


def test_a_large_message_is_not_read_to_choose_its_body() -> None:
    def never() -> bytes:
        raise AssertionError

    assert body_type("7BIT", None, (never() for _ in range(1)), eightbit=True, binary=False) == "8BITMIME"
