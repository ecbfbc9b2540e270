"""The maildrop of one session: the messages as they were at login, numbered from 1, and what is marked deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Listed(Protocol):
    """What is needed of an entry of the mailbox."""

    @property
    def uid(self) -> int:
        """Its UID."""

    @property
    def size(self) -> int:
        """Bytes of the message."""


class BadNumber(Exception):
    """No such message; the text is for the client."""


@dataclass(slots=True)
class Maildrop:
    """A frozen listing: what arrives during the session belongs to the next one (RFC 1939 section 4)."""

    uidvalidity: int
    entries: Sequence[Listed]
    content: Callable[[int], Iterator[bytes]]  # by uid
    remove: Callable[[list[int]], None]  # by uid, all in one transaction; raises StoreUnavailable
    deleted: set[int] = field(default_factory=set)  # message numbers

    @property
    def count(self) -> int:
        """Messages that are not marked."""
        return len(self.entries) - len(self.deleted)

    @property
    def size(self) -> int:
        """Their bytes together."""
        return sum(entry.size for entry in self.entries) - sum(self.entries[number - 1].size for number in self.deleted)

    def unmarked(self) -> Iterator[tuple[int, Listed]]:
        """All messages that are not marked, with their numbers."""
        return ((number, entry) for number, entry in enumerate(self.entries, 1) if number not in self.deleted)

    def get(self, word: bytes) -> tuple[int, Listed]:
        """The message with the number that a client gave. Raises BadNumber."""
        number = int(word) if word.isdigit() and len(word) <= 10 else 0
        if not 1 <= number <= len(self.entries):
            raise BadNumber("no such message")
        if number in self.deleted:
            raise BadNumber("message is marked for deletion")
        return number, self.entries[number - 1]

    def unique_id(self, entry: Listed) -> str:
        """The UIDL of a message: stable for its whole life, never used again (RFC 1939 section 7)."""
        return f"{self.uidvalidity:08x}{entry.uid:08x}"

    def commit(self) -> None:
        """Delete what is marked. Raises StoreUnavailable, and then nothing is deleted."""
        if self.deleted:
            self.remove([self.entries[number - 1].uid for number in sorted(self.deleted)])
