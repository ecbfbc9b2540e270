"""The decoder: what clients write, within limits."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom_imap4_server.grammar.reader import Reader
from postroom_imap4_server.limits import ImapLimits
from postroom_imap4_server.refusals import Bad, Bye, No, Refusal

from .source import Bytes, reader

STRINGS = [
    (b"word", b"word"),
    (b"a]b", b"a]b"),
    (b'"two words"', b"two words"),
    (b'"a \\"quote\\" and a \\\\"', b'a "quote" and a \\'),
    (b'""', b""),
    (b"{5}\r\nab\r\nc", b"ab\r\nc"),
    (b"{0}\r\n", b""),
    (b"{3+}\r\nabc", b"abc"),
]


@pytest.mark.parametrize(("written", "meant"), STRINGS)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_string_is_an_atom_a_quoted_string_or_a_literal(written: bytes, meant: bytes, size: int) -> None:
    one = Reader(Bytes(written + b" next\r\nB2", size), ImapLimits(), known=True)
    assert one.astring() == meant
    one.sp()
    assert one.atom() == b"next"
    one.end()


@pytest.mark.parametrize("wrong", [b"", b"(", b'"no end', b'"back\\slash"', b"{5}x", b"{a}", b"~{3}\r\nabc", b"a\x01"[1:], b"%"])
def test_what_is_no_string_is_refused(wrong: bytes) -> None:
    with pytest.raises(Bad):
        reader(wrong + b"\r\n").astring()


def test_the_client_is_told_to_go_ahead_only_when_it_waits() -> None:
    waits, sends = reader(b"{1}\r\nx\r\n"), reader(b"{1+}\r\nx\r\n")
    assert (waits.astring(), sends.astring()) == (b"x", b"x")
    assert (waits.source.went_ahead, sends.source.went_ahead) == (1, 0)  # type: ignore[attr-defined]


def test_a_literal_over_the_bound_is_refused_before_it_is_sent() -> None:
    one = reader(b"{999999999}\r\n")
    with pytest.raises(No, match="too large"):
        one.astring()
    assert one.source.went_ahead == 0  # type: ignore[attr-defined]


def test_a_literal_over_the_bound_that_is_on_its_way_ends_the_connection() -> None:
    with pytest.raises(Bye):
        reader(b"{999999999+}\r\n").astring()


def test_a_stranger_may_send_small_literals_only() -> None:
    assert reader(b"{10}\r\n0123456789\r\n", known=False).astring() == b"0123456789"
    with pytest.raises(No):
        reader(b"{5000}\r\n", known=False).astring()
    with pytest.raises(Bye):
        reader(b"{5000+}\r\n", known=False).astring()


def test_the_literals_of_a_command_are_bounded_together() -> None:
    one = reader(b"{6}\r\nabcdef {6}\r\nabcdef\r\n", limits=ImapLimits(command=18))
    one.astring()
    one.sp()
    with pytest.raises(No):
        one.astring()


@pytest.mark.parametrize(("written", "meant"), [(b"()", []), (b"(a)", [b"a"]), (b"(a b {1}\r\nc)", [b"a", b"b", b"c"])])
def test_a_list_is_read_item_by_item(written: bytes, meant: list[bytes]) -> None:
    one = reader(written + b"\r\n")
    assert one.parenthesized(one.astring) == meant


@pytest.mark.parametrize("wrong", [b"(a", b"(a  b)", b"a)", b"(a )"])
def test_what_is_no_list_is_refused(wrong: bytes) -> None:
    one = reader(wrong + b"\r\n")
    with pytest.raises(Bad):
        one.parenthesized(one.atom)


def test_a_list_is_bounded_in_length() -> None:
    one = reader(b"(a b c d)\r\n", limits=ImapLimits(items=3))
    with pytest.raises(Bad, match="too long"):
        one.parenthesized(one.atom)


def test_lists_are_bounded_in_depth() -> None:
    one = reader(b"(" * 100 + b"\r\n")

    def item() -> object:
        return one.parenthesized(item)

    with pytest.raises(Bad, match="too deeply"):
        item()


def test_after_a_fault_nothing_of_the_command_is_taken_for_another() -> None:
    source = Bytes(b'A1 FROB {3+}\r\nabc "x" {4+}\r\nA2 N rest\r\nA3 NOOP\r\n')
    Reader(source, ImapLimits(), known=True).skip_rest()
    assert source.data == b"A3 NOOP\r\n"


def test_after_a_fault_a_client_that_waits_sends_nothing_more() -> None:
    source = Bytes(b"A1 FROB {3}\r\nA2 NOOP\r\n")
    Reader(source, ImapLimits(), known=True).skip_rest()
    assert source.data == b"A2 NOOP\r\n"


def test_numbers_have_the_bounds_of_the_protocol() -> None:
    assert reader(b"4294967295\r\n").number() == 4_294_967_295
    for wrong in (b"4294967296\r\n", b"x\r\n", b"9" * 21):
        with pytest.raises(Bad):
            reader(wrong).number()
    with pytest.raises(Bad):
        reader(b"0\r\n").positive()


def test_nil_is_no_string() -> None:
    assert reader(b"nil\r\n").nstring() is None
    assert reader(b'"NIL"\r\n').nstring() == b"NIL"


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_to_be_refused(data: bytes) -> None:
    one = reader(data)
    with suppress(Refusal, EOFError):
        one.parenthesized(one.astring)
    assert one.at <= len(one.buffer)
