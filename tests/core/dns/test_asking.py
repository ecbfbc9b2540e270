"""What a reply says, and that no reply does harm."""

from __future__ import annotations

from contextlib import suppress

import dns.message
import dns.rrset
from hypothesis import given
from hypothesis import strategies as st

from postroom.dns.asking import FAULTS, LONGEST_NEGATIVE, LONGEST_POSITIVE, read

ALIAS = ("a.test.", 300, "IN", "CNAME", "b.test.")
SOA = ("test.", 1_000_000, "IN", "SOA", "ns.test. h.test. 1 2 3 4 900000")


def reply(*answer: tuple[object, ...], authority: tuple[object, ...] | None = None) -> dns.message.Message:
    made = dns.message.make_response(dns.message.make_query("a.test", "MX", use_edns=0, want_dnssec=True))
    made.answer = [dns.rrset.from_text(*one) for one in answer]  # type: ignore[arg-type]
    made.authority = [dns.rrset.from_text(*authority)] if authority else []  # type: ignore[arg-type]
    return dns.message.from_wire(made.to_wire(max_size=65_535))


def test_the_shortest_ttl_of_all_steps_counts() -> None:
    found = read(reply(ALIAS, ("b.test.", 20, "IN", "MX", "10 mx.b.test.")), trusted=True)
    assert (found.name, found.ttl, len(found.records), found.secure) == ("b.test", 20.0, 1, False)


def test_answers_are_kept_for_a_day_at_most() -> None:
    found = read(reply(("a.test.", 2_000_000, "IN", "MX", "10 mx.b.test.")), trusted=True)
    assert found.ttl == LONGEST_POSITIVE


def test_denials_are_kept_for_three_hours_at_most_and_without_soa_not_at_all() -> None:
    """RFC 2308 section 5."""
    assert read(reply(authority=SOA), trusted=True).ttl == LONGEST_NEGATIVE
    assert read(reply(), trusted=True).ttl == 0.0


def test_an_answer_of_many_kilobytes_is_not_kept() -> None:
    """A full cache of them would fill the memory."""
    many = [f"{number} a-server-with-a-long-name-{number}.test." for number in range(200)]
    found = read(reply(("a.test.", 300, "IN", "MX", *many)), trusted=True)
    assert (len(found.records), found.ttl) == (200, 0.0)


WIRE = reply(ALIAS, ("b.test.", 20, "IN", "MX", "10 mx.b.test.", "20 c.test."), authority=SOA).to_wire()


@given(st.lists(st.tuples(st.integers(0, len(WIRE) - 1), st.integers(0, 255)), max_size=6), st.integers(0, len(WIRE)))
def test_damaged_replies_are_answers_or_known_faults(changes: list[tuple[int, int]], end: int) -> None:
    data = bytearray(WIRE)
    for at, value in changes:
        data[at] = value
    for damaged in (bytes(data), bytes(data[:end])):
        with suppress(*FAULTS):
            assert read(dns.message.from_wire(damaged), trusted=True).ttl >= 0
