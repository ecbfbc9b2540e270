"""A client that may do whatever it likes: raw bytes to a port, replies of any line protocol back."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from types import TracebackType
from typing import Self

READ = 65_536


class Gone(Exception):
    """The server has closed the connection."""


class Peer:
    """One connection. Everything that waits gives up after ``timeout`` seconds with TimeoutError."""

    def __init__(self, port: int, *, timeout: float = 20.0, source: str = "127.0.0.1", greet: bool = True) -> None:
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
        self._in = b""
        try:
            self.greeting = self.reply() if greet else ""
        except (Gone, OSError):
            self.sock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Send all of it. Raises Gone."""
        try:
            self.sock.sendall(data)
        except (ConnectionError, ssl.SSLError) as error:
            raise Gone from error

    def line(self) -> str:
        """The next line without its CRLF. Raises Gone."""
        while b"\n" not in self._in:
            try:
                data = self.sock.recv(READ)
            except (ConnectionError, ssl.SSLError) as error:
                raise Gone from error
            if not data:
                raise Gone
            self._in += data
        line, _, self._in = self._in.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "replace")

    def reply(self) -> str:
        """The next SMTP reply (its last line) or POP3 status line."""
        while (line := self.line())[3:4] == "-" and line[:3].isdigit():
            pass
        return line

    def ask(self, command: bytes) -> str:
        """Send a command line; the reply."""
        self.send(command + b"\r\n")
        return self.reply()

    def rest(self) -> list[str]:
        """Every line until the server closes the connection."""
        lines = []
        with contextlib.suppress(Gone):
            while True:
                lines.append(self.line())
        return lines

    def start_tls(self) -> None:
        """Encrypt; what was read ahead is left in the buffer, where a test can see it."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock)

    def hello(self, *recipients: str, sender: str = "ann@elsewhere.example") -> list[str]:
        """EHLO, MAIL and RCPT; the replies to the RCPTs."""
        self.ask(b"EHLO client.example")
        self.ask(b"MAIL FROM:<%s>" % sender.encode())
        return [self.ask(b"RCPT TO:<%s>" % recipient.encode()) for recipient in recipients]

    def message(self, stuffed: bytes) -> str:
        """DATA with these bytes (the end mark is added); the reply."""
        went = self.ask(b"DATA")
        if not went.startswith("354"):
            return went
        self.send(stuffed + b"\r\n.\r\n")
        return self.reply()

    def login_pop3(self, name: str, password: str = "secret") -> str:
        """USER and PASS; the last reply."""
        self.ask(b"USER " + name.encode())
        return self.ask(b"PASS " + password.encode())

    def say(self, command: bytes, tag: bytes = b"t") -> list[str]:
        """Send an IMAP command; the lines of its answer, the tagged one last."""
        self.send(tag + b" " + command + b"\r\n")
        return self.answer(tag)

    def answer(self, tag: bytes = b"t") -> list[str]:
        """The lines through the tagged one."""
        lines = [self.line()]
        while not lines[-1].startswith(tag.decode() + " "):
            lines.append(self.line())
        return lines

    def login_imap(self, name: str, password: str = "secret", *, select: bool = False) -> None:
        """LOGIN, and SELECT of the INBOX; both must succeed."""
        assert self.say(f"LOGIN {name} {password}".encode())[-1].startswith("t OK")
        if select:
            assert self.say(b"SELECT INBOX")[-1].startswith("t OK")

    def text(self) -> bytes:
        """A multi-line POP3 answer after its status line, without stuffing and end mark. Raises Gone."""
        lines = []
        while (line := self._raw()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def skip_text(self) -> int:
        """The size of a multi-line POP3 answer that is thrown away. Raises Gone."""
        size, tail = len(self._in), self._in[-5:]
        while tail != b"\r\n.\r\n":
            data = self.sock.recv(READ)
            if not data:
                raise Gone
            size, tail = size + len(data), (tail + data)[-5:]
        self._in = b""
        return size - 3

    def _raw(self) -> bytes:
        while b"\n" not in self._in:
            data = self.sock.recv(READ)
            if not data:
                raise Gone
            self._in += data
        line, end, self._in = self._in.partition(b"\n")
        return line + end

    def cut(self) -> None:
        """Break the connection with a reset, as a crashed machine does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
