"""A scripted SMTP server in a thread: each connection follows a dialogue of ``S:`` and ``C:`` lines and ``!`` actions."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from types import TracebackType
from typing import Self

from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.courier import Courier
from postroom.clients.smtp.hop import Encryption, NextHop, Timeouts
from postroom.clients.smtp.pool import Pool, SessionLimits
from postroom.mail.delivery import Outcome
from postroom.provided import Outgoing, QueuedRecipient

IMPATIENT = Timeouts(*[0.2] * 8)  # for servers that are silent on purpose
QUICK = Timeouts(connect=2, handshake=2, greeting=2, command=2, data=2, block=2, end=2, quit=0.3)
GREETING = "S: 220 mx.test ESMTP\nC: EHLO client.test\n"
PLAIN = GREETING + "S: 250 mx.test\n"
PIPELINING = GREETING + "S: 250-mx.test\nS: 250 PIPELINING\n"
MESSAGE = b"Subject: hello\r\n\r\nFirst line\r\n.dot\r\n"


class Peer:
    """Listens on a port of 127.0.0.1; each given script serves one connection. ``with`` starts it and checks it at the end.

    ``C:`` lines may hold ``*``. Actions: ``!message`` (read to CRLF.CRLF), ``!octets N``, ``!skip N`` (N octets that are not kept),
    ``!raw TEXT`` (with \\r\\n escapes), ``!tls`` (handshake), ``!close``, ``!hang`` (until the client closes), ``!gone`` (the client must
    have closed), ``!trickle`` (take little for ever), ``!drip`` (answer little for ever), ``!unfinished`` (the client sends a part of a
    message and closes).
    """

    def __init__(self, *scripts: str, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.scripts, self.context = list(scripts), context
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.settimeout(5)
        self.port: int = self.listener.getsockname()[1]
        self.messages: list[bytes] = []
        self.heard: list[str] = []
        self.faults: list[str] = []
        self.over = False
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.over = True
        self.thread.join(10)
        self.listener.close()
        if kind is None:
            assert not self.faults, self.faults
            assert not self.scripts, "the client never connected again"

    def _serve(self) -> None:
        while self.scripts:
            script = self.scripts.pop(0)
            try:
                sock, _ = self.listener.accept()
                Connection(self, sock).play(script)
            except (OSError, AssertionError) as error:
                self.faults.append(f"{type(error).__name__}: {error}")


class Connection:
    def __init__(self, peer: Peer, sock: socket.socket) -> None:
        self.peer, self.sock, self.data = peer, sock, b""
        sock.settimeout(5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def play(self, script: str) -> None:
        try:
            for step in script.strip().splitlines():
                kind, _, rest = step.strip().partition(" ")
                ACTIONS[kind](self, rest)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client hung up, as it may: what it did is in ``heard``
        finally:
            self.sock.close()

    def more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise AssertionError("the client closed the connection")
        self.data += data

    def say(self, line: str) -> None:
        self.sock.sendall(line.encode() + b"\r\n")

    def raw(self, text: str) -> None:
        self.sock.sendall(text.encode("latin-1").decode("unicode_escape").encode("latin-1"))

    def hear(self, pattern: str) -> None:
        while b"\r\n" not in self.data:
            self.more()
        line, self.data = self.data.split(b"\r\n", 1)
        text = line.decode()
        self.peer.heard.append(text)
        if not re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text):
            raise AssertionError(f"expected {pattern!r}, heard {text!r}")

    def message(self, _: str) -> None:
        while b"\r\n.\r\n" not in b"\r\n" + self.data:
            self.more()
        body, end, self.data = (b"\r\n" + self.data).partition(b"\r\n.\r\n")
        self.peer.messages.append((body + end[:2]).replace(b"\r\n..", b"\r\n.")[2:])

    def octets(self, count: str) -> None:
        while len(self.data) < int(count):
            self.more()
        self.peer.messages.append(self.data[: int(count)])
        self.data = self.data[int(count) :]

    def skip(self, count: str) -> None:
        left = int(count)
        while left > len(self.data):
            left, self.data = left - len(self.data), b""
            self.more()
        self.data = self.data[left:]

    def tls(self, _: str) -> None:
        try:
            self.sock = (self.peer.context or ssl.create_default_context()).wrap_socket(self.sock, server_side=True)
        except ssl.SSLError as error:
            raise BrokenPipeError from error  # the client does not like our certificate

    def close(self, _: str) -> None:
        raise BrokenPipeError

    def hang(self, _: str) -> None:
        while self.sock.recv(65536):
            pass

    def unfinished(self, _: str) -> None:
        while data := self.sock.recv(65536):
            self.data += data
        if b"\r\n.\r\n" in self.data:
            raise AssertionError("the message was finished")

    def trickle(self, _: str) -> None:
        """Take a few bytes now and then, for ever."""
        while not self.peer.over and self.sock.recv(100):
            time.sleep(0.02)

    def drip(self, _: str) -> None:
        """Answer a byte now and then, for ever."""
        for octet in b"250 " + b"o" * 10_000:
            self.sock.sendall(bytes([octet]))
            time.sleep(0.02)

    def gone(self, _: str) -> None:
        data = self.data + self.sock.recv(1000)
        if data:
            raise AssertionError(f"heard {data!r} instead of the end")


ACTIONS = {
    "S:": Connection.say,
    "C:": Connection.hear,
    "!raw": Connection.raw,
    "!message": Connection.message,
    "!octets": Connection.octets,
    "!skip": Connection.skip,
    "!tls": Connection.tls,
    "!close": Connection.close,
    "!hang": Connection.hang,
    "!unfinished": Connection.unfinished,
    "!gone": Connection.gone,
    "!trickle": Connection.trickle,
    "!drip": Connection.drip,
}


def outgoing(*addresses: str, message: bytes = MESSAGE, sender: str = "me@client.test", pieces: int = 1 << 20, **more: object) -> Outgoing:
    """An attempt to deliver ``message`` in chunks of ``pieces`` octets; recipients get the ids 1, 2, …."""
    recipients = tuple(QueuedRecipient(number, address) for number, address in enumerate(addresses or ("you@mx.test",), 1))
    values = {"recipients": recipients, **more}
    chunks = [message[start : start + pieces] for start in range(0, len(message), pieces)]
    return Outgoing(trace="t", sender=sender, size=len(message), chunks=lambda: iter(chunks), **values)  # type: ignore[arg-type]


def hop(peer: Peer, **more: object) -> NextHop:
    """The scripted server as a next hop, without encryption unless asked for, with short time-outs."""
    values = {"encryption": Encryption.NONE, "helo": "client.test", "timeouts": QUICK, "settings": "section Relay", **more}
    return NextHop(**{"host": "mx.test", "port": peer.port, **values})  # type: ignore[arg-type]


def courier(limits: SessionLimits | None = None) -> Courier:
    """A courier that finds every name on 127.0.0.1."""
    pool = Pool(limits or SessionLimits(), time.monotonic)
    return Courier(Dialer(lambda name: ["127.0.0.1"]), pool, time.monotonic)


def deliver(peer: Peer, message: Outgoing, **more: object) -> dict[int, Outcome]:
    """Deliver one message and close the connection."""
    carrier = courier()
    try:
        return carrier.deliver(message, [hop(peer, **more)])
    finally:
        carrier.pool.close()
