"""A message of 50 MB costs a worker a few megabytes, whichever way it goes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.conftest import Launch
from tests.faults.drain import Drain
from tests.faults.lengths import rounds
from tests.faults.memory import MB, watched
from tests.faults.peer import Peer
from tests.server import Server

SIZE = 49 * MB  # 50 with what a server puts on top
MOST = 4 * MB  # for one message
LINE = b"0123456789abcdef" * 4 + b"\r\n"
BLOCK = LINE * 1024
AT_ONCE = rounds(2, 8)


@pytest.fixture
def drain() -> Iterator[Drain]:
    """A next hop that throws away what it gets."""
    drain = Drain()
    yield drain
    drain.close()


def send_large(server: Server, recipient: str, token: int, *, size: int = SIZE, chunked: bool = False) -> str:
    """The reply to a large message that is like no other."""
    head = b"Subject: large %d\r\n\r\n" % token
    count = size // len(BLOCK)
    with Peer(server.ports["SMTP"], timeout=100) as peer:
        peer.hello(recipient)
        if chunked:
            peer.send(b"BDAT %d LAST\r\n" % (len(head) + count * len(BLOCK)))
        else:
            peer.ask(b"DATA")
        peer.send(head)
        for _ in range(count):
            peer.send(BLOCK)
        if not chunked:
            peer.send(b".\r\n")
        return peer.reply()


def fetch(server: Server, number: int) -> int:
    """Read a message by POP3; how many bytes came."""
    with Peer(server.ports["POP3"], timeout=100) as peer:
        peer.login_pop3("bob")
        assert peer.ask(b"RETR %d" % number).startswith("+OK")
        return peer.skip_text()


def test_a_message_of_50_MB_costs_little_memory_on_every_way(launch: Launch, drain: Drain) -> None:
    """By DATA, by BDAT, several at once, out by POP3 and by relaying. A first message fills the caches that all sessions share."""
    sender = {"name": "Drain", "servers": [f"127.0.0.1:{drain.port}"], "encryption": "none"}
    server = launch(
        {
            "plugins": {"smtp_relay": {"senders": [sender]}, "imap4_server": {"enabled": False}},  # digesting is another matter
            "connections": [{"name": "Internet", "sender": "Drain", "default": True, "immediate": True}],
        }
    )
    [pid] = server.workers()
    assert send_large(server, "bob@example.test", 0, size=3 * MB).startswith("250")
    fetch(server, 1)
    cost = {}
    with watched(pid) as growth:
        assert send_large(server, "bob@example.test", 1).startswith("250")
    cost["accepted by DATA"] = growth.most
    with watched(pid) as growth:
        assert send_large(server, "bob@example.test", 2, chunked=True).startswith("250")
    cost["accepted by BDAT"] = growth.most
    with watched(pid) as growth, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda token: send_large(server, "carol@example.test", token, size=SIZE // 2), range(3, 3 + AT_ONCE)))
    assert all(answer.startswith("250") for answer in answers)
    cost["each of several at once"] = growth.most // AT_ONCE
    with watched(pid) as growth:
        assert fetch(server, 2) > SIZE - len(BLOCK)
    cost["read by POP3"] = growth.most
    with watched(pid) as growth:
        assert send_large(server, "zoe@elsewhere.example", 9).startswith("250")
        assert drain.wait() > SIZE - len(BLOCK)
    cost["relayed"] = growth.most
    print({way: f"{most / MB:.1f} MB" for way, most in cost.items()})
    assert all(most <= MOST for most in cost.values()), cost
