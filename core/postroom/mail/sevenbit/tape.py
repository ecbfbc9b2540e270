"""Reads a message once from its beginning, up to one place after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .refusing import Unconvertible

PIECE = 16 * 1024  # bytes that are worked on at a time

Breathe = Callable[[], None]  # is called now and then during long work: whoever works in a greenlet gives way there


class Tape:
    """``chunks`` of any size in pieces of at most PIECE bytes."""

    def __init__(self, chunks: Iterable[bytes], breathe: Breathe) -> None:
        self._chunks, self._breathe = iter(chunks), breathe
        self._chunk, self._at = b"", 0
        self.position = 0  # bytes of the message that have been read

    def upto(self, end: int) -> Iterator[bytes]:
        """The bytes from where we are to ``end``, not empty pieces. Raises Unconvertible when the message is shorter than it was."""
        while self.position < end:
            self._breathe()
            if self._at == len(self._chunk):
                chunk = next(self._chunks, None)
                if chunk is None:
                    raise Unconvertible("the message is shorter than before")
                self._chunk, self._at = chunk, 0
                continue
            piece = self._chunk[self._at : min(self._at + PIECE, self._at + end - self.position)]
            self._at += len(piece)
            self.position += len(piece)
            yield piece

    def all(self) -> Iterator[bytes]:
        """Everything that is left."""
        while True:
            for start in range(self._at, len(self._chunk), PIECE):
                self._breathe()
                yield self._chunk[start : start + PIECE]
            chunk = next(self._chunks, None)
            if chunk is None:
                return
            self.position += len(self._chunk) - self._at
            self._chunk, self._at = chunk, 0
