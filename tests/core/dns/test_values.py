"""Records that strangers write are values of known shapes, or faults that are expected."""

from __future__ import annotations

from contextlib import suppress

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.dns import Answer, DnsFailure, Mx, Resolver, Tlsa
from postroom.dns.asking import FAULTS
from postroom.dns.names import wire_text
from postroom.dns.values import MAKERS, value

LABELS = (
    b"mx",
    b"MX",
    b"a b",
    b"a.b",
    b"\0",
    b"\xc3\xbc",
    b"xn--bcher-kva",
    b"_x",
    b"192",
    b"-",
    b"x" * 63,
)  # three of them fit into a name
names = st.lists(st.sampled_from(LABELS), max_size=3).map(lambda labels: b"".join(bytes([len(one)]) + one for one in labels) + b"\0")
exchangers = st.builds(lambda preference, name: preference.to_bytes(2) + name, st.integers(0, 65535), names)


def read(kind: dns.rdatatype.RdataType, wire: bytes) -> object:
    return value(dns.rdata.from_wire(dns.rdataclass.IN, kind, wire, 0, len(wire)))


strings = st.lists(st.binary(max_size=60), max_size=3).map(lambda found: b"".join(bytes([len(one)]) + one for one in found))


@given(st.sampled_from(sorted(MAKERS)), st.binary(max_size=100) | exchangers | names | strings)
def test_any_octets_are_a_value_or_a_fault(kind: dns.rdatatype.RdataType, wire: bytes) -> None:
    with suppress(*FAULTS):
        assert isinstance(read(kind, wire), str | Mx | Tlsa)


class Zone(Resolver):
    """Says this about every name."""

    def __init__(self, *records: object) -> None:
        super().__init__(["192.0.2.53"])
        self.records = records

    def lookup(self, name: str, kind: str, *, fresh: bool = False) -> Answer[object]:
        return Answer(self.records, False, name, 60.0)


@given(st.lists(exchangers, min_size=1, max_size=4))
def test_whatever_the_mx_records_servers_are_host_names_in_order(wires: list[bytes]) -> None:
    """Whose addresses can be asked for under the very same name."""
    try:
        found = Zone(*(read(dns.rdatatype.MX, wire) for wire in wires)).mx("site.test")
    except DnsFailure:  # there is no host name among them
        return
    assert found.null or found.servers
    assert [one.preference for one in found.servers] == sorted(one.preference for one in found.servers)
    assert all(wire_text(one.host) == one.host for one in found.servers)


@pytest.mark.parametrize("records", [[b"\0\0\0"], [b"\0\x0a\0"]])
def test_a_null_mx_stands_alone(records: list[bytes]) -> None:
    """RFC 7505 section 3: beside another record it is none, whatever its preference."""
    null, other = (read(dns.rdatatype.MX, wire) for wire in (records[0], b"\0\x0a\2mx\4test\0"))
    assert Zone(null).mx("site.test").null
    assert [one.host for one in Zone(null, other).mx("site.test").servers] == ["mx.test"]


def test_two_null_records_are_no_servers_at_all() -> None:
    null = read(dns.rdatatype.MX, b"\0\0\0")
    with pytest.raises(DnsFailure, match="are not host names"):
        Zone(null, null).mx("site.test")
