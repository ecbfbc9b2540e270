"""Number sets, dates and flags as clients write them, and all that the server writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.store.uids import ascending, members
from postroom_imap4_server.grammar import writing
from postroom_imap4_server.grammar.dates import read_date, read_date_time
from postroom_imap4_server.grammar.flags import Flags, read_bare_flags, read_flags
from postroom_imap4_server.grammar.numbers import NumberSet, read_set
from postroom_imap4_server.grammar.reader import Reader
from postroom_imap4_server.limits import ImapLimits
from postroom_imap4_server.refusals import Bad

from .source import reader


def whole(written: bytes, read: Callable[[Reader], object]) -> None:
    """Read a command that is nothing but this."""
    one = reader(written + b"\r\n")
    read(one)
    one.end()


SETS = [
    (b"1", 9, [(1, 1)]),
    (b"2:4", 9, [(2, 4)]),
    (b"4:2", 9, [(2, 4)]),
    (b"*", 9, [(9, 9)]),
    (b"7:*", 9, [(7, 9)]),
    (b"12:*", 9, [(9, 12)]),  # RFC 9051 section 9: * is always in it
    (b"1:3,2:5,7,6", 9, [(1, 7)]),
    (b"*", 0, []),
]


@pytest.mark.parametrize(("written", "largest", "meant"), SETS)
def test_a_number_set_names_ranges(written: bytes, largest: int, meant: list[tuple[int, int]]) -> None:
    assert read_set(reader(written + b"\r\n")).resolved(largest) == meant


@pytest.mark.parametrize("wrong", [b"", b"0", b"1:", b":1", b"1,,2", b"1,", b"a", b"1:0"])
def test_what_is_no_number_set_is_refused(wrong: bytes) -> None:
    with pytest.raises(Bad):
        whole(wrong, read_set)


def test_a_number_set_is_bounded() -> None:
    with pytest.raises(Bad, match="too long"):
        read_set(reader(b"1,3,5,7\r\n", limits=ImapLimits(items=3)))


def test_the_saved_result_is_a_number_set() -> None:
    assert read_set(reader(b"$\r\n")) == NumberSet(saved=True)


@given(st.lists(st.integers(1, 60), unique=True).map(sorted))
def test_numbers_are_read_as_they_were_written(numbers: list[int]) -> None:
    written = writing.number_set(numbers)
    assert written == writing.ranges_set(ascending(numbers))
    assert not numbers or list(members(read_set(reader(written.encode() + b"\r\n")).resolved(60))) == numbers


@pytest.mark.parametrize(("written", "meant"), [(b"1-Feb-1994", date(1994, 2, 1)), (b'"29-FEB-2024"', date(2024, 2, 29))])
def test_a_date_is_read(written: bytes, meant: date) -> None:
    assert read_date(reader(written + b"\r\n")) == meant


@pytest.mark.parametrize("wrong", [b"30-Feb-2024", b"1-Foo-2024", b"1-Feb-24", b'"1-Feb-1994', b"0-Jan-2024"])
def test_what_is_no_date_is_refused(wrong: bytes) -> None:
    with pytest.raises(Bad):
        whole(wrong, read_date)


def test_a_date_and_time_is_read_and_written() -> None:
    at = read_date_time(reader(b'"17-Jul-1996 02:44:25 -0700"\r\n'))
    assert at == 837_596_665_000
    assert writing.date_time(at) == "17-Jul-1996 09:44:25 +0000"
    assert writing.date_time(read_date_time(reader(b'" 1-Jan-2026 00:00:00 +0000"\r\n'))) == " 1-Jan-2026 00:00:00 +0000"


@pytest.mark.parametrize(
    "wrong", [b'"17-Jul-1996"', b'"17-Jul-1996 25:00:00 +0000"', b'"31-Jun-1996 01:00:00 +0000"', b'"1-Jan-0000 00:00:00 +0000"']
)
def test_what_is_no_date_and_time_is_refused(wrong: bytes) -> None:
    with pytest.raises(Bad):
        read_date_time(reader(wrong + b"\r\n"))


def test_flags_are_bits_and_keywords() -> None:
    assert read_flags(reader(b"(\\Seen \\DRAFT $Forwarded $forwarded Junk)\r\n")) == Flags(17, ("$Forwarded", "Junk"))
    assert read_bare_flags(reader(b"\\Flagged work\r\n")) == Flags(4, ("work",))
    assert read_flags(reader(b"()\r\n")) == Flags()


@pytest.mark.parametrize("wrong", [b"(\\Recent)", b"(\\Foo)", b"(a", b"(" + b"x" * 101 + b")", b"(a\\b)"])
def test_what_is_no_flag_is_refused(wrong: bytes) -> None:
    with pytest.raises(Bad):
        read_flags(reader(wrong + b"\r\n"))


def test_flags_are_written_in_one_order() -> None:
    assert writing.flags(0) == ""
    assert writing.flags(5, "$Forwarded") == "\\Seen \\Flagged $Forwarded"
    assert writing.flags(0, "a b", recent=True) == "a b \\Recent"


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (b"", b'""'),
        (b'a"b\\', b'"a\\"b\\\\"'),
        (b"a\r\nb", b"{4}\r\na\r\nb"),
        (b"\xe4", b"{1}\r\n\xe4"),
        (b"x" * 1001, b"{1001}\r\n" + b"x" * 1001),
    ],
)
def test_a_string_is_quoted_where_it_may_be(data: bytes, written: bytes) -> None:
    assert writing.string(data) == written


@given(st.binary(max_size=60))
def test_every_string_is_read_as_it_was_written(data: bytes) -> None:
    data = data.replace(b"\0", b"")
    assert reader(writing.string(data) + b"\r\n").astring() == data
    assert reader(writing.astring(data) + b"\r\n").astring() == data


def test_nil_as_a_name_is_quoted() -> None:
    assert writing.astring(b"NIL") == b'"NIL"'
    assert writing.nstring(None) == b"NIL"
