"""A next hop that keeps what it gets byte for byte, and refuses when it is told to."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from postroom.wire.dots import DotReader


@dataclass
class Caught:
    """One message as it arrived."""

    sender: str
    recipients: list[str]
    content: bytes
    session: tuple[str, int]  # the client's end of the connection
    at: float  # on the monotonic clock


@dataclass
class Catcher:
    """Listens on a free loopback port. ``refusing``: it has no room now; nobody named "refused@…" exists here."""

    messages: list[Caught] = field(default_factory=list)
    refusing: bool = False
    replies: Counter[str] = field(default_factory=Counter)  # that have been sent

    def __post_init__(self) -> None:
        catcher = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    Talk(catcher, self).hold()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class Talk:
    """One connection."""

    def __init__(self, catcher: Catcher, peer: socketserver.StreamRequestHandler) -> None:
        self.catcher, self.peer = catcher, peer
        self.sender = ""
        self.recipients: list[str] = []

    def hold(self) -> None:
        """Answer until the client leaves."""
        answers = {b"EHLO": self.ehlo, b"MAIL": self.mail, b"RCPT": self.rcpt, b"DATA": self.data}
        self.say("220 catcher ESMTP")
        while line := self.peer.rfile.readline():
            verb, text = line[:4].upper(), line.decode().strip()
            if verb == b"QUIT":
                return self.say("221 bye")
            self.say(answers[verb](text) if verb in answers else "250 ok")
        return None

    def say(self, text: str) -> None:
        self.peer.wfile.write(text.encode() + b"\r\n")
        self.catcher.replies[text] += 1

    def ehlo(self, line: str) -> str:
        return "250-catcher\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES"

    def mail(self, line: str) -> str:
        self.sender, self.recipients = address(line), []
        return "250 2.1.0 ok"

    def rcpt(self, line: str) -> str:
        if self.catcher.refusing:
            return "451 4.3.1 no room now"
        if address(line).startswith("refused@"):
            return "550 5.1.1 no such user here"
        self.recipients.append(address(line))
        return "250 2.1.5 ok"

    def data(self, line: str) -> str:
        if not self.recipients:
            return "503 5.5.1 no recipients"
        self.say("354 go ahead")
        reader, content = DotReader(), b""
        while not reader.done:
            content += b"".join(bytes(piece) for piece in reader.feed(self.peer.rfile.readline()))
        assert reader.fault is None, reader.fault
        self.catcher.messages.append(Caught(self.sender, self.recipients, content, self.peer.client_address, time.monotonic()))
        return "250 2.0.0 taken"


def address(line: str) -> str:
    """What is between the angle brackets."""
    return line.partition("<")[2].partition(">")[0]
