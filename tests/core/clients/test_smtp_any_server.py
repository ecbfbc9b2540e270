"""Whatever a server says and whenever it hangs up: an outcome for each recipient, and nobody is told of a success without a message."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.courier import Courier
from postroom.clients.smtp.hop import Encryption, NextHop
from postroom.clients.smtp.pool import Pool, SessionLimits
from postroom.clients.smtp.session import Session
from postroom.mail.delivery import Delivered
from postroom.wire.stream import Disconnected, TimedOut

from .smtp_peer import outgoing

GREETING = b"220 mx.test\r\n"
OFFERS = (b"", b"PIPELINING", b"PIPELINING,CHUNKING", b"CHUNKING", b"8BITMIME,SIZE 100", b"PIPELINING,LIMITS RCPTMAX=1")
TAKES = [[b"250 Ok"] * (recipients + 1) + [b"354 Go", b"250 Taken"] for recipients in (1, 2, 3)]  # a message, with DATA
OTHER = (b"250 Ok", b"354 Go", b"421 4.3.2 Bye", b"450 4.2.0 Later", b"452 Full", b"552 Full", b"550 5.1.1 No", b"503 What?", b"?")
NOTHING = b""  # it does not answer in time


class Talker:
    """The server's end in place of a stream: each wait for more brings what it says next."""

    timeout = deadline = 0.0
    gathered = 0
    tls = None

    def __init__(self, says: list[bytes], heard: list[bytes]) -> None:
        self.says, self.heard = says, heard

    def write(self, data: bytes) -> None:
        self.heard.append(data)

    def flush(self) -> None:
        pass

    def input_waiting(self) -> bool:
        return False

    def read_some(self) -> bytes:
        if not self.says:
            raise Disconnected
        if (said := self.says.pop(0)) == NOTHING:
            raise TimedOut
        return said

    def close(self) -> None:
        self.says.clear()


class Switchboard(Dialer):
    """Each connection is with the next of these servers; there are no more than these."""

    talker = Talker

    def __init__(self, servers: list[list[bytes]]) -> None:
        super().__init__(lambda name: ["127.0.0.1"])
        self.servers, self.heard = servers, list[list[bytes]]()

    def _connect(self, hop: NextHop, *more: Any) -> Session:
        self.heard.append([])
        says = self.servers.pop(0) if self.servers else []
        session = Session(self.talker(says, self.heard[-1]), hop, "mx.test", clock=self._clock)  # type: ignore[arg-type]
        session.address = "127.0.0.1"
        return session


def server(offers: bytes, replies: list[bytes], pieces: int) -> list[bytes]:
    """What it says, some replies at a time."""
    lines = [b"mx.test", *filter(None, offers.split(b","))]
    hello = b"".join(b"250-%b\r\n" % line for line in lines[:-1]) + b"250 %b\r\n" % lines[-1]
    said = [reply and reply + b"\r\n" for reply in replies]
    return [GREETING, hello, *(b"".join(said[start : start + pieces]) for start in range(0, len(said), pieces))]


def astray(replies: list[bytes], place: int, other: list[bytes]) -> list[bytes]:
    """The same replies but one, in whose place there are others, or none."""
    at = place % len(replies)
    return [*replies[:at], *other, *replies[at + 1 :]]


right = st.sampled_from(TAKES)
wrong = st.builds(astray, right, st.integers(0, 5), st.lists(st.sampled_from((*OTHER, NOTHING)), max_size=3))
messages = st.lists(st.one_of(right, wrong), max_size=3).map(lambda found: [reply for replies in found for reply in replies])
servers = st.lists(st.builds(server, st.sampled_from(OFFERS), messages, st.integers(1, 3)), max_size=4)


@settings(max_examples=150, deadline=None)
@given(servers, servers, st.integers(1, 3))
def test_each_recipient_has_an_outcome_and_success_means_that_the_message_has_left(
    some: list[list[bytes]], others: list[list[bytes]], recipients: int
) -> None:
    board = Switchboard([*some, *others])
    carrier = Courier(board, Pool(SessionLimits(), board._clock), board._clock)
    hops = [NextHop(name, encryption=Encryption.NONE) for name in ("one.test", "two.test")]
    for _ in range(3):
        before = len(sent(board))
        outcomes = carrier.deliver(outgoing(*(f"u{number}@mx.test" for number in range(recipients))), hops)
        assert sorted(outcomes) == list(range(1, recipients + 1))
        assert len(sent(board)) > before or not any(isinstance(outcome, Delivered) for outcome in outcomes.values())


def sent(board: Switchboard) -> list[bytes]:
    """The ends of all messages so far."""
    return [piece for heard in board.heard for piece in heard if piece.endswith(b"\r\n.\r\n") or b"LAST\r\n" in piece or piece == b".\r\n"]
