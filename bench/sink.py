"""A small next hop: takes every message, keeps what it got. Runs on a thread of its own."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from dataclasses import dataclass, field


@dataclass
class Taken:
    """One message as it arrived."""

    sender: str
    recipients: list[str]
    content: bytes  # without dot-stuffing


@dataclass
class Sink:
    """Listens on a free loopback port; ``messages`` grows."""

    messages: list[Taken] = field(default_factory=list)
    dialogue: list[str] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    converse(sink, self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def read_content(peer: socketserver.StreamRequestHandler) -> bytes | None:
    """A message up to its final dot, without dot-stuffing; None when the connection ends before that."""
    lines = []
    while (line := peer.rfile.readline()) != b".\r\n":
        if not line:
            return None
        lines.append(line.removeprefix(b"."))
    return b"".join(lines)


def converse(sink: Sink, peer: socketserver.StreamRequestHandler) -> None:
    """The dialogue of one connection."""
    sender, recipients = "", list[str]()

    def say(line: str) -> None:
        sink.dialogue.append(f"S: {line}")
        peer.wfile.write(line.encode() + b"\r\n")

    say("220 sink.example.net ESMTP")
    while line := peer.rfile.readline():
        text = line.rstrip(b"\r\n").decode("utf-8", "replace")
        sink.dialogue.append(f"C: {text}")
        verb = text[:4].upper()
        if verb == "EHLO":
            for reply in ("250-sink.example.net", "250-PIPELINING", "250 8BITMIME"):
                say(reply)
        elif verb == "DATA":
            say("354 go ahead")
            content = read_content(peer)
            if content is None:
                return
            sink.messages.append(Taken(sender, recipients, content))
            sink.dialogue.append(f"C: … {len(content)} bytes and the final dot")
            say("250 taken")
            sink.arrived.set()
            recipients = []
        elif verb == "QUIT":
            say("221 bye")
            return
        else:
            sender = text[10:].split(" ")[0].strip("<>") if verb == "MAIL" else sender
            if verb == "RCPT":
                recipients.append(text[8:].split(" ")[0].strip("<>"))
            say("250 ok")
