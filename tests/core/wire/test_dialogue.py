"""The dialogue: reads what the session waits for, in bounds, and ends in words whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import gevent
import pytest

from postroom.mail.client import Client, TlsDetails
from postroom.wire.answer import Answer, Then
from postroom.wire.dialogue import End, hold
from postroom.wire.limits import Limits
from postroom.wire.stream import Disconnected, Stopping, Stream, TimedOut
from tests.core.wire.fakes import BAD, QUIT, FakeSession, Text
from tests.core.wire.feeding import cuts
from tests.core.wire.test_stream import Chopped

LIMITS = Limits(errors=6, errors_free=2, error_delay=1.0, error_delay_most=3.0, message=1000)


@dataclass
class Held:
    """A dialogue that is over."""

    end: End
    session: FakeSession
    sent: bytes
    pauses: list[float]
    bugs: list[BaseException]


class Peer(Chopped):
    """A socket whose peer says these pieces, and in the end is silent, or does what ``finally_raise`` says."""

    def __init__(self, pieces: list[bytes], at_end: BaseException | None = None) -> None:
        super().__init__(pieces)
        self.at_end = at_end

    def recv(self, most: int) -> bytes:
        if not self.pieces and self.at_end is not None and self.limit > 0:
            raise self.at_end
        return super().recv(most)


@dataclass
class Setting:
    """How a dialogue is held; ``said`` are the client's bytes, or their pieces."""

    said: bytes | list[bytes]
    answers: dict[bytes, Answer | Callable[[], Answer]] = field(default_factory=dict)
    limits: Limits = LIMITS
    at_end: BaseException | None = None
    client: Client | None = None
    session: FakeSession | None = None

    def hold(self) -> Held:
        sock = Peer([self.said] if isinstance(self.said, bytes) else self.said, self.at_end)
        session = self.session or FakeSession({b"QUIT": QUIT, b"BAD": BAD, **self.answers})
        pauses: list[float] = []
        bugs: list[BaseException] = []
        end = hold(Stream(sock), session, self.limits, client=self.client, on_bug=bugs.append, pause=pauses.append)
        return Held(end, session, sock.sent, pauses, bugs)


def data(sink: Text, size: int = 0) -> dict[bytes, Answer | Callable[[], Answer]]:
    return {b"DATA": Answer(b"354 go\r\n", Then.READ_MESSAGE, sink=sink, size=size)}


def test_greeting_commands_and_goodbye() -> None:
    held = Setting(b"EHLO x\r\nQUIT\r\nNEVER\r\n").hold()
    assert held.end is End.CLOSED
    assert held.sent == b"220 hello\r\n250 ok\r\n221 bye\r\n"
    assert held.session.heard == [b"EHLO x", b"QUIT"]


def test_a_peer_that_leaves_is_no_fault() -> None:
    assert Setting(b"EHLO x\r\n").hold().end is End.LOST


def test_a_message_is_decoded_into_the_sink_and_commands_go_on_behind_it() -> None:
    for pieces in cuts(b"DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n"):
        sink = Text()
        held = Setting(pieces, data(sink)).hold()
        assert sink.data == b"Subject: x\r\n\r\n.dot\r\n"
        assert held.session.heard == [b"DATA", ("received", None, 20), b"QUIT"]


def test_a_smuggled_end_is_a_fault_and_no_command() -> None:
    for pieces in cuts(b"DATA\r\na\n.\r\nMAIL FROM:<x>\r\n.\r\nQUIT\r\n"):
        heard: list[Any] = Setting(pieces, data(Text())).hold().session.heard
        assert (heard[0], heard[1][:2], heard[2:]) == (b"DATA", ("received", "bare-lf"), [b"QUIT"])


def test_a_message_that_is_too_big_is_read_to_its_end_without_filling_the_sink() -> None:
    for size in (0, 500):
        sink = Text()
        held = Setting([b"DATA\r\n", *[b"x" * 98 + b"\r\n"] * 20, b".\r\nQUIT\r\n"], data(sink, size)).hold()
        assert held.session.heard[1:] == [("received", "too-big", 2000), b"QUIT"]
        assert len(sink.data) <= (size or LIMITS.message)


def test_a_chunk_is_exactly_its_announced_bytes_whatever_they_are() -> None:
    for pieces in cuts(b"BDAT\r\n\n.\r\n\0\r\n.\r\nQUIT\r\n"):
        sink = Text()
        held = Setting(pieces, {b"BDAT": Answer(b"", Then.READ_CHUNK, sink=sink, size=10)}).hold()
        assert sink.data == b"\n.\r\n\0\r\n.\r\n"[:10]
        assert held.session.heard == [b"BDAT", ("received", None, 10), b"QUIT"]


def test_what_has_no_sink_is_thrown_away() -> None:
    held = Setting(b"BDAT\r\n12345QUIT\r\n", {b"BDAT": Answer(b"", Then.READ_CHUNK, size=5)}).hold()
    assert held.session.heard[1:] == [("received", None, 5), b"QUIT"]


def test_a_response_line_goes_to_the_login_not_to_the_commands() -> None:
    long = b"A" * 10_000
    held = Setting(b"AUTH\r\n" + long + b"\r\nQUIT\r\n", {b"AUTH": Answer(b"334 \r\n", Then.READ_RESPONSE)}).hold()
    assert held.session.heard == [b"AUTH", ("response", long), b"QUIT"]


def test_answers_may_stream() -> None:
    held = Setting(b"RETR\r\nQUIT\r\n", {b"RETR": lambda: Answer(iter([b"+OK\r\n", b"text\r\n", b".\r\n"]))}).hold()
    assert held.sent == b"220 hello\r\n+OK\r\ntext\r\n.\r\n221 bye\r\n"


def test_a_stream_that_breaks_off_ends_without_words_that_would_look_like_text() -> None:
    def broken() -> Iterator[bytes]:
        yield b"+OK\r\n"
        raise OSError("disk")

    held = Setting(b"RETR\r\nQUIT\r\n", {b"RETR": lambda: Answer(broken())}).hold()
    assert (held.end, b"421" in held.sent) == (End.BROKEN, False)
    assert isinstance(held.bugs[0], OSError)


@pytest.mark.parametrize(
    ("line", "answer"), [(b"x" * 5000, b"500 too-long\r\n"), (b"a\nb", b"500 bare-newline\r\n"), (b"a\rb", b"500 bare-newline\r\n")]
)
def test_lines_that_cannot_be_read_are_answered_and_the_next_one_is_heard(line: bytes, answer: bytes) -> None:
    for pieces in cuts(line + b"\r\nQUIT\r\n"):
        held = Setting(pieces).hold()
        assert (held.sent, held.session.heard) == (b"220 hello\r\n" + answer + b"221 bye\r\n", [b"QUIT"])


def test_a_user_may_send_longer_lines_than_a_stranger() -> None:
    client = Client("s", "SMTP", "192.0.2.1", user="anna")
    assert Setting(b"x" * 5000 + b"\r\nQUIT\r\n", client=client).hold().session.heard[0] == b"x" * 5000


def test_errors_beyond_the_free_ones_are_answered_ever_more_slowly_until_the_budget_is_spent() -> None:
    held = Setting(b"BAD\r\n" * 50).hold()
    assert held.end is End.TOO_MANY_ERRORS
    assert held.pauses == [1.0, 2.0, 3.0]
    assert held.sent == b"220 hello\r\n" + b"500 bad\r\n" * 5 + b"421 errors\r\n"


def test_errors_are_forgiven_when_something_is_achieved() -> None:
    """A server that sends all day over one connection meets more than a few recipients who are gone."""
    said = (b"BAD\r\n" * 4 + b"DONE\r\n") * 5 + b"QUIT\r\n"
    assert Setting(said, answers={b"DONE": Answer(b"250 queued\r\n", achieved=True)}).hold().end is End.CLOSED


def test_a_client_may_fetch_and_delete_each_message_of_a_large_mailbox_in_one_session() -> None:
    assert Setting([b"NOOP\r\n" * 100_000, b"QUIT\r\n"], limits=Limits()).hold().end is End.CLOSED


def test_a_session_has_a_number_of_commands() -> None:
    held = Setting(b"NOOP\r\n" * 50, limits=replace(LIMITS, commands=10)).hold()
    assert (held.end, len(held.session.heard)) == (End.TOO_MANY_ERRORS, 10)


@pytest.mark.parametrize(
    ("fault", "end", "words"),
    [
        (TimeoutError(), End.TIMED_OUT, b"421 timeout\r\n"),
        (Stopping(), End.STOPPED, b"421 stopping\r\n"),
        (ConnectionResetError(), End.LOST, b""),
    ],
)
def test_silence_and_shutdown_end_in_words(fault: Exception, end: End, words: bytes) -> None:
    held = Setting(b"EHLO x\r\n", at_end=fault).hold()
    assert (held.end, held.sent) == (end, b"220 hello\r\n250 ok\r\n" + words)


def test_a_session_has_a_whole_time() -> None:
    held = Setting(b"EHLO x\r\n", limits=replace(LIMITS, session=0.0)).hold()
    assert (held.end, held.sent) == (End.TIMED_OUT, b"421 timeout\r\n")


def test_our_own_bug_is_told_as_a_temporary_problem() -> None:
    held = Setting(b"BUG\r\n", {b"BUG": lambda: Answer(b"%d" % (1 // 0))}).hold()
    assert (held.end, held.sent) == (End.BROKEN, b"220 hello\r\n421 broken\r\n")
    assert isinstance(held.bugs[0], ZeroDivisionError)


def test_a_full_sink_that_does_not_keep_it_to_itself_is_our_bug() -> None:
    class Full(Text):
        def write(self, data: bytes) -> None:
            raise OSError("full")

    assert Setting(b"DATA\r\ntext\r\n.\r\n", data(Full())).hold().end is End.BROKEN


def test_work_that_takes_too_long_is_answered_and_the_session_goes_on() -> None:
    def hang() -> Answer:
        gevent.sleep(5)
        return BAD

    held = Setting(b"HANG\r\nQUIT\r\n", {b"HANG": hang}, limits=replace(LIMITS, work=0.01)).hold()
    assert held.sent == b"220 hello\r\n451 slow\r\n221 bye\r\n"


def test_tls_begins_with_nothing_that_was_said_before_and_without_a_greeting() -> None:
    class TlsStream(Stream):
        def start_tls(self, context: object, *, server_side: bool, timeout: float) -> TlsDetails:  # type: ignore[override]
            assert (context, server_side) == ("a context", True)
            self.unread(b"")
            self._in, self._at = b"EHLO again\r\nQUIT\r\n", 0
            return TlsDetails("TLSv1.3", "", 0)

    class Tls:
        def context(self) -> str:
            return "a context"

    sock = Peer([b"STARTTLS\r\nINJECTED\r\n"])
    session = FakeSession({b"STARTTLS": Answer(b"220 go\r\n", Then.START_TLS), b"QUIT": QUIT})
    assert hold(TlsStream(sock), session, LIMITS, tls=Tls(), on_bug=print) is End.CLOSED  # type: ignore[arg-type]
    assert session.heard == [b"STARTTLS", ("tls", "TLSv1.3", None), b"EHLO again", b"QUIT"]
    assert sock.sent == b"220 hello\r\n220 go\r\n250 ok\r\n221 bye\r\n"


def test_after_a_failed_handshake_nothing_is_said() -> None:
    held = Setting(b"STARTTLS\r\n", {b"STARTTLS": Answer(b"220 go\r\n", Then.START_TLS)}).hold()  # no certificate at all
    assert (held.end, held.sent) == (End.TLS_FAILED, b"220 hello\r\n220 go\r\n")


def test_the_errors_of_the_stream_reach_nobody_else() -> None:
    for fault in (Disconnected(), TimedOut()):
        assert Setting(b"", at_end=fault).hold().end in (End.LOST, End.TIMED_OUT)
