"""Processes that end in the middle of APPEND and REPLACE: all of a command or nothing, and what was acknowledged is there."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.imap_client import Client
from tests.faults.conftest import Launch
from tests.faults.lengths import rounds
from tests.faults.load import content
from tests.faults.test_kill import everything, worker
from tests.server import Server

TOKEN = re.compile(rb"^X-Token: (\S+)\r$", re.MULTILINE)
TOGETHER = 3  # messages of one APPEND
CLIENTS = 3
COMMANDS = 15  # acknowledged between two deaths
DEATHS: list[Callable[[Server], None]] = [worker, everything, worker] * rounds(1, 12)
IMAP = {"services": [{"id": 1, "name": "IMAP4", "listen": ["127.0.0.1:0"], "allow_plaintext_auth": True}]}


@dataclass
class Clients:
    """Clients that append and replace until they are stopped, on a server that comes and goes."""

    server: Server
    acknowledged: list[str] = field(default_factory=list)  # tokens of APPEND
    replaced: list[str] = field(default_factory=list)  # tokens that UID REPLACE has put in, in order
    tried: list[str] = field(default_factory=list)  # and those that it was asked to put in
    over: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """All of them, each on a thread of its own."""
        tasks = [lambda number=number: self.append(number) for number in range(CLIENTS)]
        threads = [threading.Thread(target=task, daemon=True) for task in (*tasks, self.replace)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join(60)
                assert not thread.is_alive(), "a client waits for ever"

    def go_on(self) -> None:
        """Wait until so many more commands were acknowledged, of both kinds."""
        wanted, deadline = (len(self.acknowledged) + COMMANDS, len(self.replaced) + COMMANDS), time.monotonic() + 60
        while len(self.acknowledged) < wanted[0] or len(self.replaced) < wanted[1]:
            assert time.monotonic() < deadline, f"the service does not return\n{self.server.log[-3000:]}"
            time.sleep(0.005)

    def connected(self, name: str) -> Iterator[Client]:
        """One session after the other."""
        while not self.over.is_set():
            with contextlib.suppress(OSError, RuntimeError), Client(self.server.ports["IMAP4"], timeout=60) as client:
                yield client.login(name, "secret")
            time.sleep(0.02)

    def append(self, number: int) -> None:
        """Several messages at a time, each of which bears the token of the command."""
        serial = 0
        for client in self.connected("bob"):
            with contextlib.suppress(OSError, RuntimeError):
                while not self.over.is_set():
                    serial += 1
                    token = f"{number}-{serial}"
                    client.pass_over(b"APPEND INBOX", *literals(*[content(token)] * TOGETHER))
                    self.acknowledged.append(token)

    def replace(self) -> None:
        """The one message of a mailbox by the next one."""
        for client in self.connected("carol"):
            with contextlib.suppress(OSError, RuntimeError):
                while not self.over.is_set():
                    token = f"r-{len(self.tried)}"
                    self.tried.append(token)
                    command = b"UID REPLACE * INBOX" if len(self.tried) > 1 else b"APPEND INBOX"
                    client.pass_over(b"NOOP")
                    client.pass_over(command, *literals(content(token)))
                    self.replaced.append(token)


def literals(*messages: bytes) -> list[bytes]:
    """As they stand in a command."""
    return [part for message in messages for part in (b" {%d+}\r\n" % len(message), message)]


def tokens(messages: list[bytes]) -> list[str]:
    """The tokens of whole messages."""
    found = []
    for message in messages:
        match = TOKEN.search(message)
        assert match is not None
        assert message == content(match[1].decode()), "a message was changed"
        found.append(match[1].decode())
    return found


def test_kill_9_leaves_all_of_an_APPEND_and_of_a_REPLACE_or_nothing(launch: Launch) -> None:
    server = launch({"plugins": {"imap4_server": IMAP}})
    clients = Clients(server)
    with clients.at_work():
        for kill in DEATHS:
            clients.go_on()
            kill(server)
        clients.go_on()
    copies = Counter(tokens(server.inbox("bob")))
    assert set(copies.values()) == {TOGETHER}
    assert set(clients.acknowledged) <= set(copies)
    [left] = tokens(server.inbox("carol"))
    assert clients.tried.index(left) >= clients.tried.index(clients.replaced[-1])
