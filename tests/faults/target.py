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

    def use(self) -> None:
        """Do once what a worker loads something for: TLS (4 MB), the check of a password (19 MB for a moment), mailboxes."""
        with self.smtp() as peer:
            peer.ask(b"EHLO client.example")
            assert peer.ask(b"STARTTLS").startswith("220")
            peer.start_tls()
            peer.hello("carol@example.test")
            assert peer.message(b"Subject: first\r\n\r\nx").startswith("250")
        with self.pop3() as peer:
            assert peer.login_pop3("carol").startswith("+OK")
        with self.imap4() as peer:
            peer.login_imap("carol", select=True)

    def inbox(self, name: str) -> list[bytes]:
        """The messages of an account as they are stored."""
        return self.server.inbox(name)

    def memory(self) -> int:
        """Bytes that the worker holds."""
        return private(self.pid)
