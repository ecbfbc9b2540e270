"""The listener: who gets in, as whom, and how it all ends. Real connections over loopback, in one process, with gevent's sockets."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from gevent.event import Event
from gevent.socket import create_connection

from postroom.mail.client import Client
from postroom.provided import Service
from postroom.wire.access import Decision
from postroom.wire.answer import Answer
from postroom.wire.dialogue import hold
from postroom.wire.limits import Limits
from postroom.wire.listener import Listener
from postroom.wire.stream import Stream
from tests.core.wire.fakes import QUIT, FakeSession


class Counts(Counter[str]):
    """What the tally does, in one process."""

    def enter(self, key: str) -> int:
        self[key] += 1
        return self[key]

    def leave(self, key: str) -> None:
        self[key] -= 1


class Log:
    """Remembers the names of events."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def info(self, event: str, **facts: object) -> None:
        self.events.append(event)

    warning = error = exception = info


@dataclass
class Site:
    """A listener on a free port, whose service notes its clients and holds a FakeSession with each."""

    limits: Limits = field(default_factory=lambda: Limits(connections=3, connections_per_address=2))
    proxy_from: tuple[str, ...] = ()
    encryption: str = "none"
    access: Callable[[str], Decision] = lambda address: Decision(True)
    choose: Callable[[Client], str] | None = None
    answers: dict[bytes, Any] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    log: Log = field(default_factory=Log)
    opened: list[Any] = field(default_factory=list)

    def listen(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        settings: Any = SimpleNamespace(id=1, name="Test", encryption=self.encryption, proxy_from=self.proxy_from)
        service = Service("SMTP", settings, self.handle, self.limits, lambda words: f"421 {words}\r\n".encode(), self.choose)
        tls: Any = None
        self.listener = Listener(service, [self.socket], tls=tls, access=self.access, counters=self.counts, log=self.log)
        self.listener.start()

    def handle(self, stream: Stream, client: Client) -> None:
        self.clients.append(client)
        hold(stream, FakeSession({b"QUIT": QUIT, **self.answers}), self.limits, client=client, on_bug=self.log.events.append)  # type: ignore[arg-type]

    def connect(self, first: bytes = b"") -> Peer:
        sock = create_connection(self.socket.getsockname(), timeout=5)
        sock.sendall(first)
        self.opened.append(sock)
        return Peer(sock)

    def close(self) -> None:
        for sock in self.opened:
            sock.close()
        self.listener.drain(0.0)
        self.socket.close()


@dataclass
class Peer:
    """The client's end."""

    sock: Any

    def line(self) -> bytes:
        """What comes next (answers here are one line each); empty when the server has closed."""
        return bytes(self.sock.recv(1000))

    def say(self, line: bytes) -> bytes:
        self.sock.sendall(line + b"\r\n")
        return self.line()


@pytest.fixture
def open_site() -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(**settings: Any) -> Site:
        site = Site(**settings)
        site.listen()
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.close()


def test_a_client_is_described_and_served(open_site: Callable[..., Site]) -> None:
    site = open_site(access=lambda address: Decision(True, address == "127.0.0.1"))
    peer = site.connect()
    assert (peer.line(), peer.say(b"QUIT"), peer.line()) == (b"220 hello\r\n", b"221 bye\r\n", b"")
    client = site.clients[0]
    assert (client.address, client.port) == peer.sock.getsockname()
    assert (client.protocol, client.service, client.service_name) == ("SMTP", 1, "Test")
    assert (client.local_address, client.local_port) == site.socket.getsockname()
    assert (client.allowed, client.no_auth, client.tls, len(client.session)) == (True, True, None, 13)


def test_places_are_given_back(open_site: Callable[..., Site]) -> None:
    site = open_site()
    for _ in range(10):
        peer = site.connect()
        assert (peer.line(), peer.say(b"QUIT"), peer.line()) == (b"220 hello\r\n", b"221 bye\r\n", b"")
    assert (site.counts.total(), site.listener.sessions) == (0, set())


def test_one_connection_too_many_in_all_is_told_so(open_site: Callable[..., Site]) -> None:
    site = open_site()
    served = [site.connect() for _ in range(3)]
    assert [peer.line() for peer in served] == [b"220 hello\r\n"] * 3  # loopback is not limited by address
    late = site.connect()
    assert (late.line(), late.line()) == (b"421 too many connections, try again later\r\n", b"")
    assert served[0].say(b"NOOP") == b"250 ok\r\n"
    assert site.log.events == ["connection.refused"]


def test_connections_of_one_address_are_limited_by_the_address_behind_the_proxy(open_site: Callable[..., Site]) -> None:
    site = open_site(proxy_from=("127.0.0.0/8",), limits=Limits(connections=10, connections_per_address=2))
    header = b"PROXY TCP4 192.0.2.7 198.51.100.2 1234 25\r\n"
    assert [site.connect(header).line()[:3] for _ in range(3)] == [b"220", b"220", b"421"]
    assert site.connect(header.replace(b".7", b".8")).line() == b"220 hello\r\n"
    assert [client.address for client in site.clients] == ["192.0.2.7", "192.0.2.7", "192.0.2.8"]
    assert site.clients[0].local_address == "198.51.100.2"


def test_an_address_that_may_send_without_login_is_not_limited(open_site: Callable[..., Site]) -> None:
    site = open_site(
        proxy_from=("127.0.0.1/32",), access=lambda address: Decision(True, True), limits=Limits(connections=10, connections_per_address=1)
    )
    assert [site.connect(b"PROXY TCP4 192.0.2.7 198.51.100.2 1234 25\r\n").line()[:3] for _ in range(3)] == [b"220"] * 3


def test_a_trusted_proxy_must_speak_its_protocol(open_site: Callable[..., Site]) -> None:
    site = open_site(proxy_from=("127.0.0.1/32",))
    assert site.connect(b"EHLO x\r\n").line() == b""
    assert (site.clients, site.log.events) == ([], ["connection.failed"])


def test_a_proxy_that_asks_for_itself_is_the_client(open_site: Callable[..., Site]) -> None:
    site = open_site(proxy_from=("127.0.0.1/32",))
    assert site.connect(b"PROXY UNKNOWN\r\n").line() == b"220 hello\r\n"
    assert site.clients[0].address == "127.0.0.1"


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"])
def test_a_proxy_that_does_not_say_who_is_connected_lends_nobody_its_right_to_send(open_site: Callable[..., Site], header: bytes) -> None:
    site = open_site(proxy_from=("127.0.0.1/32",), access=lambda address: Decision(True, True, ("ann",)))
    assert site.connect(header).line() == b"220 hello\r\n"
    client = site.clients[0]
    assert (client.allowed, client.no_auth, client.only_users) == (True, False, ("ann",))


def test_nobody_else_is_believed_to_be_a_proxy(open_site: Callable[..., Site]) -> None:
    site = open_site(proxy_from=("192.0.2.0/24",))
    assert site.connect(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 25\r\n").line().startswith(b"220")
    assert site.clients[0].address == "127.0.0.1"


def test_a_broken_service_harms_only_its_own_connection(open_site: Callable[..., Site]) -> None:
    def broken(stream: Stream, client: Client) -> None:
        raise ZeroDivisionError

    site = open_site()
    site.listener.service = replace(site.listener.service, handle=broken)
    assert site.connect().line() == b""
    assert (site.log.events, site.counts.total()) == (["connection.broken"], 0)


def test_idle_sessions_hear_at_once_that_the_server_stops(open_site: Callable[..., Site]) -> None:
    site = open_site()
    idle = site.connect()
    idle.line()
    site.listener.drain(5.0)
    assert (idle.line(), idle.line()) == (b"421 stopping\r\n", b"")
    assert site.listener.sessions == set()


def test_a_session_at_work_ends_it_first(open_site: Callable[..., Site]) -> None:
    begun, finish = Event(), Event()

    def work() -> Answer:
        begun.set()
        finish.wait(5)
        return Answer(b"250 done\r\n")

    site = open_site(answers={b"WORK": work})
    busy = site.connect()
    busy.line()
    busy.sock.sendall(b"WORK\r\n")
    begun.wait(5)
    draining = gevent.spawn(site.listener.drain, 5.0)
    gevent.sleep(0)
    assert not draining.ready()
    finish.set()
    draining.get(timeout=5)
    assert busy.line() + busy.line() + busy.line() == b"250 done\r\n421 stopping\r\n"


def test_a_session_that_takes_longer_than_the_drain_is_cut_off(open_site: Callable[..., Site]) -> None:
    begun = Event()

    def hang() -> Answer:
        begun.set()
        gevent.sleep(60)
        return QUIT

    site = open_site(answers={b"HANG": hang})
    hanging = site.connect()
    hanging.line()
    hanging.sock.sendall(b"HANG\r\n")
    begun.wait(5)
    site.listener.drain(0.01)
    assert hanging.line() == b""
    assert (site.counts.total(), site.listener.sessions) == (0, set())


def test_who_has_not_shaken_hands_yet_is_cut_off_at_once(open_site: Callable[..., Site]) -> None:
    site = open_site(proxy_from=("127.0.0.1/32",))
    waiting = site.connect(b"PROXY")
    gevent.sleep(0.02)
    site.listener.drain(60.0)
    assert waiting.line() == b""


def test_nobody_is_accepted_after_the_end(open_site: Callable[..., Site]) -> None:
    site = open_site()
    site.listener.stop_accepting()
    site.connect()  # the kernel's queue takes it: the socket is shared with other workers
    gevent.sleep(0.02)
    assert site.listener.sessions == set()


def test_a_service_may_choose_the_encryption_of_each_connection(open_site: Callable[..., Site]) -> None:
    site = open_site(encryption="tls", choose=lambda client: "none" if client.address == "127.0.0.1" else "tls")
    assert site.connect().line() == b"220 hello\r\n"
    assert [client.encryption for client in site.clients] == ["none"]
