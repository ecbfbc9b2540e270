"""Every bound of a conversation with a stranger, each with its reason; there is no "0 = unlimited"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self


class Bounded(Protocol):
    """What is needed of a service's settings."""

    @property
    def max_connections(self) -> int:
        """Connections at a time, over all workers."""

    @property
    def max_connections_per_address(self) -> int:
        """The same for one client address."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one service; services replace what their protocol or configuration says otherwise."""

    # --- lines and messages (bytes, without CRLF where they bound a line) ---
    line: int = 2048  # command line before login; RFC 5321 4.5.3.1.4 asks for 512, extensions (RFC 1870, 3461, 6531) add up
    line_after_login: int = 16_384  # IMAP-like commands and long parameter lists of a known user
    response: int = 12_288  # a SASL response, base64; RFC 4954 section 4 asks for 12288
    message: int = 50 * 1024 * 1024  # decoded bytes of one message; the service's max_size

    # --- commands (number per session) and errors (since a session last achieved something) ---
    commands: int = 10_000_000  # one that only says NOOP ends; RETR and DELE of a million messages, or 10,000 with 1,000 RCPT, do not
    errors_free: int = 10  # errors without a delay: typing mistakes are human, and lists have members that are gone
    errors: int = 20  # then the session ends (smtpd_hard_error_limit of Postfix is 20)

    # --- times (seconds) ---
    error_delay: float = 0.25  # before the first error's answer that is not free; doubles with each further one
    error_delay_most: float = 2.0  # a delay holds our place as well as theirs: about 14 seconds in all before the end
    idle: float = 300.0  # silence between commands or within a message; RFC 5321 4.5.3.2.7: at least 5 minutes
    idle_before_login: float = 300.0  # the same before login, where it is less; a stranger is not waited for like a user
    session: float = 86_400.0  # whole connection
    handshake: float = 30.0  # TLS: a stranger holds a place without having said who it is
    message_time: float = 3_600.0  # from 354 to the final dot: a drip-feeding sender keeps a draft open
    work: float = 120.0  # for our answer to a command or a message; senders wait 10 minutes (RFC 5321 4.5.3.2.6)

    # --- connections (numbers, over all workers) ---
    connections: int = 5_000
    connections_per_address: int = 100

    def error_pause(self, errors: int) -> float:
        """Seconds to wait before the answer to this error, counted from 1 (or from the last time that something was achieved)."""
        over = errors - self.errors_free
        return min(self.error_delay * 2.0 ** min(over - 1, 30), self.error_delay_most) if over > 0 else 0.0

    @classmethod
    def of(cls, settings: Bounded, **bounds: Any) -> Self:
        """The bounds of a service: its connections as its settings say, and what ``bounds`` says otherwise."""
        return cls(connections=settings.max_connections, connections_per_address=settings.max_connections_per_address, **bounds)
