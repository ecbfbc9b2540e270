"""DEFLATE on a connection: what comes through, in how much memory."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.wire.compression import PIECE, BadData, Compression
from postroom.wire.stream import Disconnected, LineTooLong, Stream


def deflated(data: bytes) -> bytes:
    """What a peer sends."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def inflated(data: bytes) -> bytes:
    """What a peer reads."""
    return zlib.decompressobj(-15).decompress(data)


def drained(compression: Compression) -> bytes:
    """All that can be unpacked now."""
    return b"".join(iter(compression.unpack, b""))


@given(st.lists(st.binary(max_size=5_000), max_size=5), st.integers(1, 50))
def test_what_is_received_in_any_pieces_is_unpacked(texts: list[bytes], size: int) -> None:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    sent = b"".join(packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH) for text in texts)
    compression, found = Compression(), b""
    for start in range(0, len(sent), size):
        compression.feed(sent[start : start + size])
        found += drained(compression)
    assert found == b"".join(texts)


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 10 * PIECE])
def test_whole_pieces_leave_nothing_behind(size: int) -> None:
    compression = Compression()
    compression.feed(deflated(b"x" * size))
    assert drained(compression) == b"x" * size


def test_a_bomb_comes_out_in_small_pieces() -> None:
    compression = Compression()
    compression.feed(deflated(bytes(50_000_000)))
    pieces = [len(compression.unpack()) for _ in range(20)]
    assert set(pieces) == {PIECE}


@given(st.lists(st.binary(max_size=3_000), min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_what_is_sent_is_whole_after_each_flush_with_or_without_rests(texts: list[bytes], rests: set[int]) -> None:
    compression, unpacker = Compression(), zlib.decompressobj(-15)
    for number, text in enumerate(texts):
        assert unpacker.decompress(compression.pack(text)) == text
        if number in rests:
            compression.rest()


@given(st.binary(min_size=1, max_size=500))
def test_anything_else_is_bad_data_or_waits_for_more(data: bytes) -> None:
    compression = Compression()
    compression.feed(data)
    try:
        drained(compression)
    except BadData:
        return


def test_the_end_of_the_data_is_an_error() -> None:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    compression = Compression()
    compression.feed(packer.compress(b"x") + packer.flush() + b"more")
    with pytest.raises(BadData):
        drained(compression)


@pytest.fixture
def ends() -> Iterator[tuple[Stream, socket.socket]]:
    """A compressed stream and the socket of its peer."""
    mine, theirs = socket.socketpair()
    stream = Stream(mine, timeout=5.0)
    stream.compress()
    with theirs:
        yield stream, theirs
        stream.close()


def test_a_stream_reads_and_writes_compressed(ends: tuple[Stream, socket.socket]) -> None:
    stream, peer = ends
    peer.sendall(deflated(b"one\r\ntwo\r\n"))
    assert [stream.read_line(10), stream.read_line(10)] == [b"one", b"two"]
    stream.write(b"three\r\n")
    stream.flush()
    assert inflated(peer.recv(1000)) == b"three\r\n"


def test_lines_within_a_bomb_are_bounded_as_always(ends: tuple[Stream, socket.socket]) -> None:
    stream, peer = ends
    peer.sendall(deflated(b"x" * 100_000_000))
    peer.shutdown(socket.SHUT_WR)
    with pytest.raises(LineTooLong):
        stream.read_line(1_000)
    with pytest.raises(Disconnected):  # what is skipped of a line is bounded too
        stream.read_line(1_000)


def test_bad_data_end_the_connection(ends: tuple[Stream, socket.socket]) -> None:
    stream, peer = ends
    peer.sendall(b"a NOOP\r\n" * 10)
    with pytest.raises(Disconnected):
        stream.read_line(1_000)


def test_what_was_sent_behind_the_command_is_compressed_already() -> None:
    mine, theirs = socket.socketpair()
    stream = Stream(mine, timeout=5.0)
    with theirs:
        theirs.sendall(b"COMPRESS\r\n" + deflated(b"next\r\n"))
        assert stream.read_line(100) == b"COMPRESS"
        stream.compress()
        assert stream.read_line(100) == b"next"
        stream.close()
