"""An IMAP client that costs as little as possible: it reads large pieces until the tagged line and understands nothing else."""

from __future__ import annotations

import socket
import threading
import time
from datetime import datetime
from types import TracebackType
from typing import Self

BUFFER = 1 << 20
LONGEST_END = 1000  # bytes that a tagged line has at most


class Dropping(threading.local):
    """Where answers go that nobody looks at: one place for each thread, however many connections it has."""

    def __init__(self) -> None:
        self.buffer = bytearray(BUFFER)


DROPPING = Dropping()


class Client:
    """One connection; every command has the tag ``t``."""

    def __init__(self, port: int, timeout: float = 120.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.line()  # the greeting

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def fileno(self) -> int:
        """For select and the like."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def line(self) -> bytes:
        """What comes until a line ends."""
        data = b""
        while not data.endswith(b"\r\n"):
            data += self._received(self._socket.recv(4096))
        return data

    def login(self, name: str, password: str, mailbox: str = "INBOX") -> Self:
        """LOGIN and SELECT."""
        self.pass_over(f"LOGIN {name} {password}".encode())
        self.pass_over(f"SELECT {mailbox}".encode())
        return self

    def idle(self) -> None:
        """Begin to idle."""
        self._socket.sendall(b"t IDLE\r\n")
        if not self.line().startswith(b"+"):
            raise RuntimeError("IDLE was refused")

    def ask(self, *pieces: bytes) -> bytes:
        """Send a command and return the whole answer. Raises RuntimeError unless it is OK."""
        parts, end = [], b""
        self._socket.sendall(b"".join((b"t ", *pieces, b"\r\n")))
        while not ended(end):
            parts.append(self._received(self._socket.recv(BUFFER)))
            end = (end + parts[-1])[-LONGEST_END:]
        return b"".join(parts)

    def pass_over(self, *pieces: bytes) -> None:
        """Send a command and drop the answer as it comes. Raises RuntimeError unless it is OK."""
        self._socket.sendall(b"".join((b"t ", *pieces, b"\r\n")))
        buffer, end = DROPPING.buffer, b""
        while not ended(end):
            number = self._socket.recv_into(buffer)
            if number == 0:
                raise ConnectionError("the server has hung up")
            end = (end + buffer[max(0, number - LONGEST_END) : number])[-LONGEST_END:]

    def timed(self, *commands: bytes) -> float:
        """The milliseconds that these commands take, one after the other."""
        start = time.perf_counter()
        for command in commands:
            self.pass_over(command)
        return (time.perf_counter() - start) * 1000

    def append(self, mailbox: str, *messages: tuple[bytes, datetime]) -> None:
        """APPEND, with several messages MULTIAPPEND (RFC 3502), with literals that wait for nothing (RFC 7888)."""
        pieces = [f"APPEND {mailbox}".encode()]
        for content, received in messages:
            pieces += [f' "{received:%d-%b-%Y %H:%M:%S %z}" {{{len(content)}+}}\r\n'.encode(), content]
        self.pass_over(*pieces)

    @staticmethod
    def _received(data: bytes) -> bytes:
        if not data:
            raise ConnectionError("the server has hung up")
        return data


def ended(end: bytes) -> bool:
    """True when the last line is the tagged one. Raises RuntimeError when that is not OK."""
    if not end.endswith(b"\r\n"):
        return False
    last = end[end.rfind(b"\r\n", 0, -2) + 2 :] if b"\r\n" in end[:-2] else end
    if last.startswith((b"t NO", b"t BAD", b"* BYE")):
        raise RuntimeError(last.decode("utf-8", "replace"))
    return last.startswith(b"t OK")
