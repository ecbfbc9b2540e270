"""Connections are kept for the next message, within their limits, and replaced when they have gone stale."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.courier import RECENT_SECONDS, Courier
from postroom.clients.smtp.hop import NextHop, Timeouts
from postroom.clients.smtp.pool import Pool, SessionLimits, dismiss
from postroom.mail.delivery import Delivered, TryLater
from postroom.provided import SETTLED

from .smtp_peer import MESSAGE, PIPELINING, PLAIN, Peer, courier, hop, outgoing

ONE = "C: MAIL *\nC: RCPT *\nC: DATA\nS: 250 Ok\nS: 250 Ok\nS: 354 Go\n!message\nS: 250 Ok\n"
QUIT = "C: QUIT\nS: 221 Bye\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def clocked(limits: SessionLimits) -> tuple[Courier, Clock]:
    clock = Clock()
    return Courier(Dialer(lambda name: ["127.0.0.1"], clock), Pool(limits, clock), clock), clock


def send(carrier: Courier, peer: Peer, *addresses: str) -> list[type]:
    return [type(outcome) for outcome in carrier.deliver(outgoing(*addresses), [hop(peer)]).values()]


def test_the_next_message_uses_the_same_connection_without_rset() -> None:
    with Peer(f"{PIPELINING}{ONE}{ONE}{QUIT}") as peer:
        carrier = courier()
        assert send(carrier, peer) + send(carrier, peer) == [Delivered, Delivered]
        carrier.pool.close()
    assert len(peer.messages) == 2


def test_a_refused_transaction_is_cleared_by_the_rset_of_the_next_one() -> None:
    refused = "C: MAIL *\nC: RCPT *\nC: DATA\nS: 250 Ok\nS: 450 No\nS: 503 No\n"
    with Peer(
        f"{PIPELINING}{refused}C: RSET\n{ONE.replace('S: 250 Ok', 'S: 250 Ok{NEXT}', 1)}{QUIT}".replace("{NEXT}", "\nS: 250 Ok")
    ) as peer:
        carrier = courier()
        assert send(carrier, peer) + send(carrier, peer) == [TryLater, Delivered]
        carrier.pool.close()


def test_a_connection_is_closed_after_its_share_of_messages() -> None:
    with Peer(f"{PIPELINING}{ONE}{ONE}{QUIT}", f"{PIPELINING}{ONE}{QUIT}") as peer:
        carrier = courier(SessionLimits(messages=2))
        assert [send(carrier, peer) for _ in range(3)] == [[Delivered]] * 3
        carrier.pool.close()


def test_a_connection_is_closed_after_its_share_of_recipients() -> None:
    two = ONE.replace("C: RCPT *\n", "C: RCPT *\nC: RCPT *\n").replace("S: 354", "S: 250 Ok\nS: 354")
    with Peer(f"{PIPELINING}{two}{QUIT}", f"{PIPELINING}{ONE}{QUIT}") as peer:
        carrier = courier(SessionLimits(recipients=2))
        assert send(carrier, peer, "a@mx.test", "b@mx.test", "c@mx.test") == [Delivered] * 3
        carrier.pool.close()


def test_a_message_for_more_recipients_than_allowed_is_sent_several_times() -> None:
    two = ONE.replace("C: RCPT *\n", "C: RCPT *\nC: RCPT *\n").replace("S: 354", "S: 250 Ok\nS: 354")
    with Peer(f"{PIPELINING}{two}{two}{ONE}{QUIT}") as peer:
        carrier = courier(SessionLimits(recipients_per_message=2))
        assert send(carrier, peer, *[f"u{number}@mx.test" for number in range(5)]) == [Delivered] * 5
        carrier.pool.close()


def test_the_limits_that_a_server_names_are_kept() -> None:
    greeting = PIPELINING.replace("S: 250 PIPELINING", "S: 250-PIPELINING\nS: 250 LIMITS RCPTMAX=1 MAILMAX=2")
    with Peer(f"{greeting}{ONE}{ONE}{QUIT}", f"{greeting}{ONE}{QUIT}") as peer:
        carrier = courier()
        assert send(carrier, peer, "a@mx.test", "b@mx.test", "c@mx.test") == [Delivered] * 3
        carrier.pool.close()


def test_an_old_connection_is_not_used_again() -> None:
    with Peer(f"{PIPELINING}{ONE}C: QUIT\n!gone", f"{PIPELINING}{ONE}{QUIT}") as peer:
        carrier, clock = clocked(SessionLimits(age=100))
        send(carrier, peer)
        clock.now += 101
        assert send(carrier, peer) == [Delivered]
        carrier.pool.close()


def test_idle_connections_are_closed_after_a_while_and_not_before() -> None:
    with Peer(f"{PIPELINING}{ONE}{QUIT}") as peer:
        carrier, clock = clocked(SessionLimits(idle=20))
        send(carrier, peer)
        carrier.pool.close_idle()
        assert len(carrier.pool) == 1
        clock.now += 21
        carrier.pool.close_idle()
        assert len(carrier.pool) == 0


def test_servers_that_do_not_answer_quit_are_waited_for_together() -> None:
    clock, waited = Clock(), list[float]()

    class Silent:
        hop = NextHop("mx.test", timeouts=Timeouts(quit=5.0))

        def say_quit(self) -> bool:
            return True

        def await_goodbye(self, patience: float) -> None:
            waited.append(patience)
            clock.now += max(patience, 0)

        def close(self) -> None:
            pass

    dismiss([Silent(), Silent(), Silent()], clock)  # type: ignore[list-item]
    assert waited == [5.0, 0.0, 0.0]


def test_a_busy_sender_closes_what_nobody_uses_any_more() -> None:
    with Peer(f"{PIPELINING}{ONE}C: QUIT\n!gone") as one, Peer(f"{PIPELINING}{ONE}{QUIT}") as other:
        carrier, clock = clocked(SessionLimits(idle=20))
        send(carrier, one)
        clock.now += 21
        assert send(carrier, other) == [Delivered]
        assert len(carrier.pool) == 1
        carrier.pool.close()


def test_of_too_many_idle_connections_those_go_that_were_unused_for_longest() -> None:
    with Peer(f"{PIPELINING}{ONE}C: QUIT\n!gone") as one, Peer(f"{PIPELINING}{ONE}{ONE}{QUIT}") as other:
        carrier, clock = clocked(SessionLimits(most_idle=1))
        send(carrier, one)
        clock.now += 1
        assert send(carrier, other) == [Delivered]
        assert len(carrier.pool) == 1
        assert send(carrier, other) == [Delivered]
        carrier.pool.close()


@pytest.mark.parametrize("end", ["!close", "S: 421 4.4.2 Timeout\n!close"])
def test_a_connection_that_the_server_closed_while_idle_costs_nothing(end: str) -> None:
    with Peer(f"{PIPELINING}{ONE}{end}", f"{PIPELINING}{ONE}{QUIT}") as peer:
        carrier = courier()
        assert send(carrier, peer) + send(carrier, peer) == [Delivered, Delivered]
        carrier.pool.close()


def test_a_connection_on_which_more_was_said_than_asked_for_is_not_used_again() -> None:
    """As by a server that answers the message once for each recipient (LMTP)."""
    lmtp = ONE.replace("!message\nS: 250 Ok\n", "!message\n!raw 250 Ok\\r\\n250 Ok\\r\\n\n")
    with Peer(f"{PIPELINING}{lmtp}!gone", f"{PIPELINING}{ONE}{QUIT}") as peer:
        carrier = courier()
        assert send(carrier, peer) + send(carrier, peer) == [Delivered, Delivered]
        carrier.pool.close()


def test_a_server_that_says_421_to_the_second_message_gets_it_on_a_new_connection() -> None:
    with Peer(f"{PIPELINING}{ONE}C: MAIL *\nS: 421 4.7.0 One message each\n!close", f"{PIPELINING}{ONE}{QUIT}") as peer:
        carrier = courier()
        assert send(carrier, peer) + send(carrier, peer) == [Delivered, Delivered]
        carrier.pool.close()


REFUSED = "C: MAIL *\nC: RCPT *\nC: DATA\nS: 250 Ok\nS: 450 No\nS: 503 No\n"  # what it leaves behind is cleared by the next RSET


@pytest.mark.parametrize(
    "answer",
    [
        "S: 250 Ok\nS: 421 4.7.0 Enough\n!close",
        "S: 250 Ok\n!close",
        "S: 421 4.7.0 Enough\n!close",
        "S: 502 What?\nS: 503 Nested MAIL\n!gone",
    ],
)
def test_a_used_connection_that_ends_before_mail_costs_nothing_after_rset_either(answer: str) -> None:
    with Peer(f"{PIPELINING}{REFUSED}C: RSET\nC: MAIL *\nC: RCPT *\nC: DATA\n{answer}", f"{PIPELINING}{ONE}{QUIT}") as peer:
        carrier = courier()
        assert send(carrier, peer) + send(carrier, peer) == [TryLater, Delivered]
        carrier.pool.close()


@pytest.mark.parametrize("offers", [PLAIN, PIPELINING])
@pytest.mark.parametrize("trouble", ["!close", "!raw 650 What\\r\\n"])
def test_a_server_that_breaks_off_before_it_has_accepted_anybody_makes_room_for_the_next(offers: str, trouble: str) -> None:
    begun = "C: MAIL *\nC: RCPT *\nC: DATA\nS: 250 Ok\n" if offers == PIPELINING else "C: MAIL *\nS: 250 Ok\nC: RCPT *\n"
    with Peer(f"{offers}{begun}{trouble}") as first, Peer(f"{PIPELINING}{ONE}{QUIT}") as second:
        carrier = courier()
        assert isinstance(carrier.deliver(outgoing(), [hop(first), hop(second)])[1], Delivered)
        carrier.pool.close()


def test_a_server_that_breaks_off_once_it_has_accepted_somebody_keeps_the_message() -> None:
    with Peer(f"{PLAIN}C: MAIL *\nS: 250 Ok\nC: RCPT *\nS: 250 Ok\nC: RCPT *\n!close") as first, Peer() as second:
        outcomes = courier().deliver(outgoing("a@mx.test", "b@mx.test"), [hop(first), hop(second)])
    assert [type(one) for one in outcomes.values()] == [TryLater, TryLater]


def test_a_refused_rset_is_no_matter_when_mail_is_taken_all_the_same() -> None:
    with Peer(
        f"{PIPELINING}{REFUSED}C: RSET\n{ONE.replace('S: 250', 'S: 502 What?{NEXT}S: 250', 1)}{QUIT}".replace("{NEXT}", "\n")
    ) as peer:
        carrier = courier()
        assert send(carrier, peer) + send(carrier, peer) == [TryLater, Delivered]
        carrier.pool.close()


@pytest.mark.parametrize("end", ["!close", "S: 421 4.3.2 Closing\n!close"])
def test_what_a_used_connection_may_have_delivered_is_not_sent_again_at_once(end: str) -> None:
    with Peer(f"{PIPELINING}{ONE}{ONE.removesuffix('S: 250 Ok' + chr(10))}{end}") as peer:
        carrier = courier()
        assert send(carrier, peer) + send(carrier, peer) == [Delivered, TryLater]
        carrier.pool.close()


def test_after_close_a_connection_that_comes_back_is_closed() -> None:
    with Peer(f"{PLAIN}{QUIT}") as peer:
        pool = Pool(SessionLimits(), Clock())
        pool.close()
        pool.give(Dialer(lambda name: ["127.0.0.1"]).open(hop(peer)))
        assert len(pool) == 0


def test_an_error_while_the_message_is_read_closes_the_connection_and_is_raised() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"Subject: x\r\n\r\n"
        raise RuntimeError("the store is away")

    message = outgoing()
    broken = type(message)(**{**vars(message), "size": 1 << 20, "chunks": chunks})
    script = f"{PIPELINING.replace('PIPELINING', '8BITMIME')}C: MAIL *\nS: 250 Ok\nC: RCPT *\nS: 250 Ok\nC: DATA\nS: 354 Go\n!hang"
    with Peer(script) as peer:
        carrier = courier()
        with pytest.raises(RuntimeError):
            carrier.deliver(broken, [hop(peer)])
        assert len(carrier.pool) == 0


def test_what_is_delivered_stands_when_the_rest_of_the_message_cannot_be_read() -> None:
    readings = iter((True, False))

    def chunks() -> Iterator[bytes]:
        if not next(readings):
            raise RuntimeError("the store is away")
        yield MESSAGE

    broken = replace(outgoing("a@mx.test", "b@mx.test"), chunks=chunks)
    with Peer(f"{PIPELINING}{ONE}!hang") as peer:
        carrier = courier(SessionLimits(recipients_per_message=1))
        with pytest.raises(RuntimeError):
            carrier.deliver(broken, [hop(peer)])
        carrier.pool.close()
    assert broken.notes[SETTLED] == {1: Delivered("250 Ok", f"mx.test[127.0.0.1]:{peer.port}")}


def test_a_server_that_failed_is_tried_again_after_a_moment() -> None:
    with Peer("S: 554 No\n!gone", f"{PIPELINING}{ONE}{QUIT}") as peer:
        carrier, clock = clocked(SessionLimits())
        assert send(carrier, peer) + send(carrier, peer) == [TryLater, TryLater]
        clock.now += RECENT_SECONDS + 0.1
        assert send(carrier, peer) == [Delivered]
        carrier.pool.close()
