"""PROXY headers: both versions, read strictly, complete at exactly their last byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.wire.proxy import SIGNATURE, BadHeader, Endpoints, Header, parse, read
from postroom.wire.stream import Stream
from tests.core.wire.feeding import cuts
from tests.core.wire.test_stream import Chopped

FOUR = bytes([192, 0, 2, 1, 198, 51, 100, 2]) + (1234).to_bytes(2, "big") + (25).to_bytes(2, "big")
SIX = bytes.fromhex("20010db8000000000000000000000001" + "20010db8000000000000000000000002") + b"\x04\xd2\x00\x19"
ENDS_4 = Endpoints("192.0.2.1", 1234, "198.51.100.2", 25)
ENDS_6 = Endpoints("2001:db8::1", 1234, "2001:db8::2", 25)


def second(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2, "big") + body


GOOD = {
    b"PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\n": ENDS_4,
    b"PROXY TCP6 2001:db8::1 2001:db8::2 1234 25\r\n": ENDS_6,
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff::1 whatever it says\r\n": None,
    second(0x21, 0x11, FOUR): ENDS_4,
    second(0x21, 0x21, SIX): ENDS_6,
    second(0x21, 0x11, FOUR + b"\x01\x00\x02h2"): ENDS_4,  # a TLV
    second(0x20, 0x00, b""): None,  # LOCAL: a health check
    second(0x20, 0x11, FOUR): None,
    second(0x21, 0x00, b""): None,
    second(0x21, 0x31, b"/" * 216): None,
}
BAD = [
    b"EHLO client.example\r\n",
    b"proxy TCP4 192.0.2.1 198.51.100.2 1234 25\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\n" + b" " * 100,
    b"PROXY TCP4  192.0.2.1 198.51.100.2 1234 25\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 1234 25 \r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 1234 65536\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 01234 25\r\n",
    b"PROXY TCP4 192.0.2.256 198.51.100.2 1234 25\r\n",
    b"PROXY TCP4 192.0.2.01 198.51.100.2 1234 25\r\n",
    b"PROXY TCP4 2001:db8::1 2001:db8::2 1234 25\r\n",
    b"PROXY TCP6 192.0.2.1 198.51.100.2 1234 25\r\n",
    b"PROXY UDP4 192.0.2.1 198.51.100.2 1234 25\r\n",
    b"PROXY UNKNOWN" + b"x" * 200,
    b"PROXY UNKNOWNX\r\n",
    second(0x11, 0x11, FOUR),
    second(0x22, 0x11, FOUR),
    second(0x21, 0x12, FOUR),  # datagrams
    second(0x21, 0x11, FOUR[:-1]),
    second(0x21, 0x21, FOUR),
    second(0x21, 0x11, FOUR + b"x" * 3000),
    SIGNATURE[:11] + b"\r",
]


@pytest.mark.parametrize("data", GOOD)
@pytest.mark.parametrize("trailing", [b"", b"EHLO x\r\n", b"\r\n"])
def test_a_header_is_read_and_what_follows_is_left(data: bytes, trailing: bytes) -> None:
    for pieces in cuts(data + trailing + b"END\r\n"):
        sock = Chopped(pieces)
        assert read(sock) == GOOD[data]
        assert Stream(sock).read_exact(len(trailing) + 5) == trailing + b"END\r\n"


@pytest.mark.parametrize("data", GOOD)
def test_no_part_of_a_header_is_taken_for_the_whole(data: bytes) -> None:
    assert [parse(data[:end]) for end in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    for pieces in cuts(data):
        with pytest.raises(BadHeader):
            read(Chopped(pieces))


@given(st.one_of(st.binary(), st.binary().map(lambda tail: b"PROXY TCP4 " + tail), st.binary().map(lambda tail: SIGNATURE + tail)))
def test_any_bytes_are_a_header_or_refused_or_too_few(data: bytes) -> None:
    try:
        header = parse(data)
    except BadHeader:
        return
    if header is None:
        assert len(data) < 16 + 2048
    else:
        assert parse(data[: header.length]) == header
        assert parse(data + b"x") == header


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 65535), st.integers(0, 65535))
def test_both_versions_say_the_same(source: object, target: object, port: int, local_port: int) -> None:
    first = f"PROXY TCP4 {source} {target} {port} {local_port}\r\n".encode()
    body = b"".join(one.packed for one in (source, target)) + port.to_bytes(2, "big") + local_port.to_bytes(2, "big")  # type: ignore[attr-defined]
    ends = Endpoints(str(source), port, str(target), local_port)
    assert parse(first) == Header(ends, len(first))
    assert parse(second(0x21, 0x11, body)) == Header(ends, 28)
