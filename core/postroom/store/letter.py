"""The bytes of one message: what is in front of the blob, and the blob, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from .blobs import CHUNK, Blobs
from .mailboxes import Content


class Letter:
    """A message of which the first chunk has been read. Offsets are those of the whole message, ``prefix`` included."""

    __slots__ = ("_at", "_blobs", "_chunk", "blob_id", "blob_size", "first", "prefix", "uid")

    def __init__(self, blobs: Blobs, content: Content) -> None:
        self.uid, self.prefix, self.blob_id, self.first, self.blob_size = content
        self._blobs = blobs
        self._at, self._chunk = 0, self.first  # the chunk that was read last

    @property
    def size(self) -> int:
        """Bytes of the whole message."""
        return len(self.prefix) + self.blob_size

    @property
    def whole(self) -> bytes | None:
        """The message, when it is in memory; else None."""
        if self.blob_size > len(self.first):
            return None
        return self.prefix + self.first if self.prefix else self.first

    def read(self, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``, fewer where the message ends. Raises KeyError when it is removed meanwhile."""
        return b"".join(self.pieces(start, start + length))

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` to ``end`` (or the message's end), at most a chunk at a time. Raises KeyError as ``read`` does."""
        base = len(self.prefix)
        if start < base:
            yield self.prefix[start:end]
            start = base
        end = min(end, self.size) - base
        start -= base
        while start < end:
            number, offset = divmod(start, CHUNK)
            piece = self._numbered(number)[offset : offset + end - start]
            if not piece:
                return
            yield piece
            start += len(piece)

    def _numbered(self, number: int) -> bytes:
        if number != self._at:
            self._at, self._chunk = number, self.first if not number else self._blobs.chunk(self.blob_id, number)
        return self._chunk
