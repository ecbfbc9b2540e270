"""The stream: CRLF lines only, bounded; output before waiting; time-outs; nothing of the plaintext survives STARTTLS."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import gevent.socket
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.wire.stream import FLUSH_BYTES, SKIP_BYTES, BareNewline, Disconnected, LineTooLong, Stopping, Stream, TimedOut, Woken
from postroom.wire.watchdog import NEVER, Watchdog
from tests.core.wire.feeding import cut_at, cuts

LIMIT = 10
LINES: list[tuple[bytes, list[object]]] = [
    (b"EHLO x\r\nQUIT\r\n", [b"EHLO x", b"QUIT"]),
    (b"\r\n\r\nA\r\n", [b"", b"", b"A"]),
    (b"0123456789\r\nA\r\n", [b"0123456789", b"A"]),
    (b"0123456789x\r\nA\r\n", [LineTooLong, b"A"]),
    (b"x" * 500 + b"\r\nA\r\n", [LineTooLong, b"A"]),
    (b"x" * 500 + b"\nstill the same line\r\nA\r\n", [LineTooLong, b"A"]),
    (b"x" * 500 + b"\r\r\nA\r\n", [LineTooLong, b"A"]),
    (b"a\nRCPT\r\nA\r\n", [BareNewline, b"A"]),
    (b"\nRCPT\r\nA\r\n", [BareNewline, b"A"]),
    (b"a\n\r\nA\r\n", [BareNewline, b"A"]),
    (b"a\n\n\nb\n\r\nA\r\n", [BareNewline, b"A"]),
    (b"a\rb\r\nA\r\n", [BareNewline, b"A"]),
    (b"a\r\r\nA\r\n", [BareNewline, b"A"]),
    (b"nul\0\r\nA\r\n", [b"nul\0", b"A"]),
]


class Chopped:
    """A socket that receives given pieces, then the end; remembers what is sent."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces, self.sent = list(pieces), b""

    def settimeout(self, seconds: float) -> None:
        self.limit = seconds

    def fileno(self) -> int:
        return -1  # there is no such file: the system cannot tell what waits

    def recv(self, most: int, flags: int = 0) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        rest = piece if flags & socket.MSG_PEEK else piece[most:]
        self.pieces[:0] = [rest] if rest else []
        return piece[:most]

    def send(self, data: bytes) -> int:
        self.sent += data[:7]
        return min(7, len(data))

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def pair() -> Iterator[tuple[Stream, socket.socket]]:
    ours, theirs = socket.socketpair()
    stream = Stream(ours, timeout=5)
    yield stream, theirs
    stream.close()
    theirs.close()


def outcomes(stream: Stream) -> list[object]:
    """Every line, or the class of what was raised instead, up to the end."""
    found: list[object] = []
    while True:
        try:
            found.append(stream.read_line(LIMIT))
        except (LineTooLong, BareNewline) as error:
            found.append(type(error))
        except Disconnected:
            return found


@pytest.mark.parametrize(("data", "wanted"), LINES)
def test_only_CRLF_ends_a_line_and_a_faulty_line_is_one_fault(data: bytes, wanted: list[object]) -> None:
    for pieces in cuts(data):
        assert outcomes(Stream(Chopped(pieces))) == wanted


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bcdefg", b"\0"])).map(b"".join), st.lists(st.integers(0, 60)))
def test_lines_are_the_same_however_they_are_cut(data: bytes, places: list[int]) -> None:
    whole = outcomes(Stream(Chopped([data] if data else [])))
    assert outcomes(Stream(Chopped(cut_at(data, places)))) == whole
    assert outcomes(Stream(Chopped([data[at : at + 1] for at in range(len(data))]))) == whole


def test_a_line_without_end_is_given_up() -> None:
    stream = Stream(Chopped([b"x" * 65536] * (SKIP_BYTES // 65536 + 2)))
    with pytest.raises(LineTooLong):
        stream.read_line(LIMIT)
    with pytest.raises(Disconnected):
        stream.read_line(LIMIT)


def test_output_leaves_before_the_stream_waits_for_input() -> None:
    sock = Chopped([b"A\r\nB\r\n", b"C\r\n"])
    stream = Stream(sock)
    stream.read_line(LIMIT)
    stream.write(b"250 A\r\n")
    stream.read_line(LIMIT)
    assert sock.sent == b""
    stream.write(b"250 B\r\n")
    stream.read_line(LIMIT)
    assert sock.sent == b"250 A\r\n250 B\r\n"


def test_much_output_leaves_at_once() -> None:
    sock = Chopped([])
    Stream(sock).write(b"x" * FLUSH_BYTES)
    assert len(sock.sent) == FLUSH_BYTES


def test_pieces_of_an_exact_size_leave_the_rest() -> None:
    for pieces in cuts(b"12345QUIT\r\n"):
        stream = Stream(Chopped(pieces))
        assert (stream.read_exact(5), stream.read_line(LIMIT)) == (b"12345", b"QUIT")


def test_unread_bytes_come_first() -> None:
    stream = Stream(Chopped([b"C\r\n"]))
    stream.unread(b"B\r\n")
    stream.unread(b"A\r\n")
    assert outcomes(stream) == [b"A", b"B", b"C"]


def test_bytes_are_counted(pair: tuple[Stream, socket.socket]) -> None:
    stream, peer = pair
    peer.sendall(b"NOOP\r\n")
    stream.read_line(LIMIT)
    stream.write(b"250\r\n")
    stream.flush()
    assert (stream.bytes_in, stream.bytes_out) == (6, 5)


def test_silence_ends_in_a_time_out(pair: tuple[Stream, socket.socket]) -> None:
    pair[0].timeout = 0.01
    with pytest.raises(TimedOut):
        pair[0].read_line(LIMIT)


def test_a_deadline_ends_reading_even_when_bytes_drip() -> None:
    stream = Stream(Chopped([b"x"] * 5), deadline=0.0)  # monotonic seconds: long ago
    with pytest.raises(TimedOut):
        stream.read_line(LIMIT)


def test_a_peer_that_takes_nothing_is_a_time_out(pair: tuple[Stream, socket.socket]) -> None:
    pair[0].timeout = 0.01
    with pytest.raises(TimedOut):
        pair[0].write(b"x" * 10_000_000)


def test_a_peer_that_is_gone_is_told_apart_from_silence(pair: tuple[Stream, socket.socket]) -> None:
    pair[1].close()
    with pytest.raises(Disconnected):
        pair[0].read_line(LIMIT)


def test_an_early_talker_is_seen_without_waiting_and_without_loss(pair: tuple[Stream, socket.socket]) -> None:
    stream, peer = pair
    assert not stream.input_waiting()
    peer.sendall(b"EHLO\r\n")
    assert stream.input_waiting()
    assert stream.read_line(LIMIT) == b"EHLO"


def test_last_words_arrive_although_the_peer_still_talks(pair: tuple[Stream, socket.socket]) -> None:
    stream, peer = pair
    peer.sendall(b"more and more" * 1000)
    stream.write(b"421 bye\r\n")
    stream.flush()

    def end() -> None:
        stream.linger()
        stream.close()

    closer = threading.Thread(target=end)
    closer.start()
    assert peer.recv(100) == b"421 bye\r\n"
    assert peer.recv(100) == b""
    peer.close()
    closer.join()


def test_a_watchdog_ends_a_wait_that_is_too_long_and_only_that() -> None:
    ours, theirs = gevent.socket.socketpair()
    watchdog = Watchdog()
    stream = Stream(ours, timeout=0.05, watchdog=watchdog)
    theirs.sendall(b"in time\r\n")
    assert stream.read_line(100) == b"in time"
    assert stream.expires == NEVER
    with pytest.raises(TimedOut):
        stream.read_line(100)
    theirs.sendall(b"later\r\n")
    assert stream.read_line(100) == b"later"
    stream.close()
    theirs.close()


@pytest.fixture
def green() -> Iterator[tuple[Stream, gevent.socket.socket]]:
    """A stream over gevent's sockets, and its peer."""
    ours, theirs = gevent.socket.socketpair()
    stream = Stream(ours, timeout=5, watchdog=Watchdog())
    yield stream, theirs
    stream.close()
    theirs.close()


def test_a_reader_that_waits_for_a_command_can_be_woken(green: tuple[Stream, gevent.socket.socket]) -> None:
    stream, peer = green
    peer.sendall(b"NO")
    gevent.spawn_later(0.01, stream.wake)
    with pytest.raises(Woken):
        stream.read_command(LIMIT)
    peer.sendall(b"OP\r\n")
    assert stream.read_command(LIMIT) == b"NOOP"


def test_a_wake_up_before_the_wait_is_not_lost_and_counts_once(green: tuple[Stream, gevent.socket.socket]) -> None:
    stream, peer = green
    stream.wake()
    stream.wake()
    gevent.sleep(0.01)
    with pytest.raises(Woken):
        stream.read_command(LIMIT)
    gevent.spawn_later(0.01, peer.sendall, b"NOOP\r\n")
    assert stream.read_command(LIMIT) == b"NOOP"


def test_only_who_waits_for_a_command_is_woken(green: tuple[Stream, gevent.socket.socket]) -> None:
    stream, peer = green
    gevent.spawn_later(0.01, stream.wake)
    gevent.spawn_later(0.03, peer.sendall, b"answer\r\n")
    assert stream.read_line(LIMIT) == b"answer"


def test_a_stop_comes_before_a_wake_up(green: tuple[Stream, gevent.socket.socket]) -> None:
    stream, _ = green
    gevent.spawn_later(0.01, stream.wake)
    gevent.spawn_later(0.01, stream.stop)
    with pytest.raises((Woken, Stopping)):
        stream.read_command(LIMIT)
    with pytest.raises(Stopping):
        stream.read_command(LIMIT)


def test_a_silent_peer_holds_no_buffer(green: tuple[Stream, gevent.socket.socket]) -> None:
    stream, peer = green
    peer.sendall(b"x" * 50_000 + b"\r\n")
    assert len(stream.read_command(60_000)) == 50_000
    gevent.spawn_later(0.01, stream.wake)
    with pytest.raises(Woken):
        stream.read_command(60_000)
    assert len(stream._in) == 0


def test_after_a_send_that_broke_off_nothing_more_is_sent(green: tuple[Stream, gevent.socket.socket]) -> None:
    stream, _ = green
    stream.timeout = 0.1
    stream._arm()
    with pytest.raises(TimedOut):
        stream.write(b"x" * 5_000_000)
    with pytest.raises(Disconnected):
        stream.write(b"y" * FLUSH_BYTES)
