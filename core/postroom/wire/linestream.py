"""What a dialogue needs of a stream, and what a stream raises."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..mail.client import TlsDetails


class Disconnected(Exception):
    """The peer is gone, or the connection broke; nothing more can be said."""


class TimedOut(Exception):
    """The peer was silent, or did not take our bytes, for too long."""


class Stopping(Exception):
    """The server stops, and the peer is between two commands."""


class Woken(Exception):
    """Somebody has called ``Stream.wake``, and the peer is between two commands; what it has sent so far is kept."""


class LineTooLong(Exception):
    """A line was longer than the limit; it is skipped, the next read gives the line after it."""


class BareNewline(Exception):
    """CR or LF stood alone in a line (only CRLF ends one, RFC 5321 2.3.8); everything through the next CRLF is skipped."""


class LineStream(Protocol):
    """What the dialogue needs of a stream (see there); tests hand it a fake."""

    timeout: float
    deadline: float

    def read_command(self, limit: int) -> bytes: ...  # noqa: D102
    def read_line(self, limit: int) -> bytes: ...  # noqa: D102
    def read_some(self) -> bytes: ...  # noqa: D102
    def read_pieces(self, size: int) -> Iterator[bytes]: ...  # noqa: D102
    def unread(self, data: bytes) -> None: ...  # noqa: D102
    def write(self, data: bytes) -> None: ...  # noqa: D102
    def flush(self) -> None: ...  # noqa: D102
    def linger(self) -> None: ...  # noqa: D102
    def channel_binding(self) -> tuple[str, bytes] | None: ...  # noqa: D102
    def start_tls(self, context: ssl.SSLContext, *, server_side: bool, timeout: float) -> TlsDetails: ...  # noqa: D102
