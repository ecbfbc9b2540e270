"""Clients that keep a server busy with messages, each different, and remember what was promised about each."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.faults.peer import Gone, Peer

TOKEN = re.compile(rb"^X-Token: (\S+)\r$", re.MULTILINE)
LARGE = 600_000  # more than two chunks of the store
PAUSE = 0.02  # seconds after a connection that failed


def content(token: str) -> bytes:
    """The message of a token: dots at the start of lines, 8-bit text, and once in a while many chunks of it."""
    chance = random.Random(token)
    size = LARGE if chance.random() < 0.04 else chance.randrange(200, 6000)
    line = chance.randbytes(30).hex().encode() + b"\r\n..\r\n.x " + "grüße".encode() + b"\r\n"
    return f"X-Token: {token}\r\nSubject: fault test\r\n\r\n".encode() + line * (size // len(line)) + b"end\r\n"


def stuffed(message: bytes) -> bytes:
    """As it goes over the wire, without the end mark and the CRLF before it."""
    return message.replace(b"\r\n.", b"\r\n..").removesuffix(b"\r\n")


@dataclass
class Load:
    """``port()`` is asked before each connection; ``name`` must be in the greeting, lest we talk to another test's server."""

    port: Callable[[], int]
    name: str
    recipients: Sequence[str]
    clients: int = 4
    acknowledged: dict[str, float] = field(default_factory=dict)  # token → when
    refused: dict[str, str] = field(default_factory=dict)  # token → reply after the end of the message
    unknown: set[str] = field(default_factory=set)  # the connection ended before an answer
    replies: Counter[str] = field(default_factory=Counter)  # everything that was not a success, anywhere
    cut: Counter[str] = field(default_factory=Counter)  # where connections ended

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._client, args=(number,), daemon=True) for number in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client waits for ever"

    def run(self, messages: int, seconds: float = 60.0) -> None:
        """Wait until so many more messages are acknowledged."""
        wanted, deadline = len(self.acknowledged) + messages, time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, f"the service does not return: {self.replies} {self.cut}"
            time.sleep(0.005)

    def _client(self, number: int) -> None:
        serial = 0
        while not self._over.is_set():
            where = "connect"
            try:
                with Peer(self.port(), timeout=60) as peer:
                    where = "greeting"
                    if not self._fine(peer.greeting, self.name):
                        time.sleep(PAUSE)
                        continue
                    for _ in range(5):
                        serial += 1
                        where = "message"
                        if self._over.is_set() or not self._message(peer, f"{number}-{serial}"):
                            break
            except (OSError, Gone):
                self.cut[where] += 1
                time.sleep(PAUSE)

    def _message(self, peer: Peer, token: str) -> bool:
        commands = [b"EHLO client.example", b"MAIL FROM:<ann@example.test>", *(f"RCPT TO:<{one}>".encode() for one in self.recipients)]
        if not all(self._fine(peer.ask(command)) for command in commands) or not self._fine(peer.ask(b"DATA"), "354"):
            return False
        peer.send(stuffed(content(token)))
        self.unknown.add(token)
        peer.send(b"\r\n.\r\n")
        answer = peer.reply()
        self.unknown.discard(token)
        if answer.startswith("250"):
            self.acknowledged[token] = time.monotonic()
            return True
        self.replies[answer] += 1
        self.refused[token] = answer
        return False

    def _fine(self, answer: str, wanted: str = "250") -> bool:
        if wanted in answer and answer[:1] in "23":
            return True
        self.replies[answer] += 1
        return False

    def temporary(self) -> bool:
        """Whether everything that was not a success was a temporary failure."""
        return all(answer.startswith("4") for answer in self.replies)

    def check(self, found: Iterable[bytes], *, in_doubt: int = 0) -> Counter[str]:
        """Assert that all that was acknowledged is in ``found``, byte for byte, and nothing that was refused; how often each token is.

        ``in_doubt``: so many may be there although they were refused for now, because the answer to their commit was lost.
        """
        copies: Counter[str] = Counter()
        for message in found:
            match = TOKEN.search(message)
            assert match is not None, message[:500]
            token = match[1].decode()
            assert message[match.start() :] == content(token), f"{token} has changed"
            copies[token] += 1
        lost = set(self.acknowledged) - set(copies)
        assert not lost, f"lost {len(lost)} of {len(self.acknowledged)}: {sorted(lost)[:5]}"
        claimed = set(copies) & set(self.refused)
        assert len(claimed) <= in_doubt, f"refused and kept: {[(token, self.refused[token]) for token in sorted(claimed)[:5]]}"
        assert set(copies) <= set(self.acknowledged) | self.unknown | claimed
        return copies
