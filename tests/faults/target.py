"""One server with one worker that all tests with hostile peers attack, so that its state after them is tested as well."""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults.memory import private
from tests.faults.peer import Peer
from tests.server import Server

STRANGER = "127.0.0.9"  # an address that may connect and has no rights: relaying needs a login
SERVICE_LIMITS = {"max_connections": 5000, "max_connections_per_address": 2000}


@dataclass(frozen=True)
class Target:
    """The server under attack."""

    server: Server

    @property
    def pid(self) -> int:
        """The worker; there must be only this one all the time."""
        [pid] = self.server.workers()
        return pid

    def smtp(self, *, source: str = STRANGER, timeout: float = 20.0) -> Peer:
        """A connection to the SMTP service."""
        return Peer(self.server.ports["SMTP"], source=source, timeout=timeout)

    def pop3(self, *, source: str = STRANGER, timeout: float = 20.0) -> Peer:
        """A connection to the POP3 service."""
        return Peer(self.server.ports["POP3"], source=source, timeout=timeout)

    def imap4(self, *, source: str = STRANGER, timeout: float = 20.0) -> Peer:
        """A connection to the IMAP4 service."""
        return Peer(self.server.ports["IMAP4"], source=source, timeout=timeout)

    def inbox(self, name: str) -> list[bytes]:
        """The messages of an account as they are stored."""
        return self.server.inbox(name)

    def memory(self) -> int:
        """Bytes that the worker holds."""
        return private(self.pid)
