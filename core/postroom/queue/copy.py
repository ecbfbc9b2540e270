"""The bytes of a message as one kind of copy of it has them: the one for mailboxes here, or the one that leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from ..mail.message import Message

if TYPE_CHECKING:
    from ..store.blobs import Draft

HEAD = 256 * 1024  # bytes that a Message keeps of its beginning


@dataclass(frozen=True, slots=True)
class Copy:
    """Header lines on top, each with its CRLF, and the draft of everything below them."""

    lines: bytes
    draft: Draft

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.lines) + self.draft.size

    def chunks(self) -> Iterator[bytes]:
        """All bytes, from the start at each call."""
        return chain((self.lines,), self.draft.chunks())

    def message(self) -> Message:
        """As checks and plugins see it."""
        return Message((self.lines + self.draft.head)[:HEAD], self.size, self.chunks)
