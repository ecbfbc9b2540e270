"""A message as checks see it: its header fields, its size, and its bytes in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from . import headers


class Message:
    """The bytes as received. ``head`` is their beginning (up to 256 KB): what lies beyond it is never taken for a header."""

    def __init__(self, head: bytes, size: int, chunks: Callable[[], Iterator[bytes]]) -> None:
        self.head = head
        self.size = size  # bytes of the whole message
        self.chunks = chunks  # the whole message from its start, at each call

    @classmethod
    def whole(cls, data: bytes) -> Message:
        """A message that is completely in memory."""
        return cls(data, len(data), lambda: iter((data,)))

    @cached_property
    def header_size(self) -> int:
        """Bytes of the header, without the empty line after it."""
        return headers.end_of(self.head)

    @cached_property
    def headers(self) -> list[tuple[str, bytes]]:
        """All fields in order: ``(name as written, unfolded value)``."""
        return headers.fields(self.head[: self.header_size])

    @cached_property
    def _first(self) -> dict[str, bytes]:
        return {name.lower(): value for name, value in reversed(self.headers)}

    def header(self, name: str) -> str | None:
        """The first field of this name, unfolded and with encoded words decoded; None when there is none."""
        value = self._first.get(name.lower())
        return None if value is None else headers.decode(value)

    def all(self, name: str) -> list[str]:
        """Every field of this name, decoded, from the top."""
        wanted = name.lower()
        return [headers.decode(value) for field, value in self.headers if field.lower() == wanted]

    def count(self, name: str) -> int:
        """How many fields of this name there are, without parsing the header (loop detection, RFC 5321 6.3)."""
        return headers.count(self.head[: self.header_size], name)
