"""A command as the reader's source has it: bytes that lie ready, and a note of when the client was told to go ahead."""

from __future__ import annotations

from collections.abc import Iterator

from postroom_imap4_server.grammar.reader import Reader
from postroom_imap4_server.limits import ImapLimits


class Bytes:
    """Bytes of a client. ``size``: of the pieces in which a literal comes."""

    def __init__(self, data: bytes, size: int = 1 << 20) -> None:
        self.data, self.size = data, size
        self.went_ahead = 0

    def line(self) -> bytes:
        line, _, self.data = self.data.partition(b"\r\n")
        return line

    def pieces(self, size: int) -> Iterator[bytes]:
        while size:
            piece, self.data = self.data[: min(size, self.size)], self.data[min(size, self.size) :]
            if not piece:
                raise EOFError
            size -= len(piece)
            yield piece

    def go_ahead(self) -> None:
        self.went_ahead += 1


def reader(data: bytes, *, known: bool = True, utf8: bool = False, limits: ImapLimits | None = None) -> Reader:
    """A reader at the beginning of ``data``."""
    return Reader(Bytes(data), limits or ImapLimits(), known=known, utf8=utf8)
