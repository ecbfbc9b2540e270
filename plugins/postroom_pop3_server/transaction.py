"""The TRANSACTION state: what is in the maildrop? (RFC 1939 section 5 and 7)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from postroom.wire.answer import Answer
from postroom.wire.dots import stuff

from .answers import err, listing, ok
from .maildrop import Maildrop
from .text import first_lines, without_blank_end


class Transaction:
    """The commands after the login."""

    def __init__(self, maildrop: Maildrop, *, trim_blank_lines: bool) -> None:
        self.maildrop, self.trim_blank_lines = maildrop, trim_blank_lines
        # command -> (handler, fewest and most arguments)
        self.commands = {
            b"STAT": (self.stat, 0, 0),
            b"LIST": (self.scan, 0, 1),
            b"UIDL": (self.uidl, 0, 1),
            b"RETR": (self.retr, 1, 1),
            b"TOP": (self.top, 2, 2),
            b"DELE": (self.dele, 1, 1),
            b"RSET": (self.rset, 0, 0),
            b"NOOP": (self.noop, 0, 0),
        }

    def stat(self, arguments: list[bytes]) -> Answer:
        """STAT."""
        return ok(f"{self.maildrop.count} {self.maildrop.size}")

    def scan(self, arguments: list[bytes]) -> Answer:
        """LIST, of one or all."""
        if arguments:
            number, entry = self.maildrop.get(arguments[0])
            return ok(f"{number} {entry.size}")
        return listing(f"{self.maildrop.count} messages", (f"{number} {entry.size}" for number, entry in self.maildrop.unmarked()))

    def uidl(self, arguments: list[bytes]) -> Answer:
        """UIDL, of one or all."""
        drop = self.maildrop
        if arguments:
            number, entry = drop.get(arguments[0])
            return ok(f"{number} {drop.unique_id(entry)}")
        return listing("unique ids follow", (f"{number} {drop.unique_id(entry)}" for number, entry in drop.unmarked()))

    def retr(self, arguments: list[bytes]) -> Answer:
        """RETR: streamed, so that the size of a message does not matter."""
        _, entry = self.maildrop.get(arguments[0])
        return self._send(self.maildrop.content(entry.uid), f"{entry.size} octets")

    def top(self, arguments: list[bytes]) -> Answer:
        """TOP."""
        _, entry = self.maildrop.get(arguments[0])
        if not arguments[1].isdigit() or len(arguments[1]) > 10:
            return err("TOP: the number of lines is not a number")
        return self._send(first_lines(self.maildrop.content(entry.uid), int(arguments[1])), "top of message follows")

    def dele(self, arguments: list[bytes]) -> Answer:
        """DELE marks; QUIT deletes."""
        number, _ = self.maildrop.get(arguments[0])
        self.maildrop.deleted.add(number)
        return ok(f"message {number} marked")

    def rset(self, arguments: list[bytes]) -> Answer:
        """RSET takes all marks back."""
        self.maildrop.deleted.clear()
        return ok(f"{self.maildrop.count} messages")

    def noop(self, arguments: list[bytes]) -> Answer:
        """NOOP."""
        return ok()

    def _send(self, content: Iterator[bytes], first: str) -> Answer:
        start = next(content, None)  # before "+OK": that word promises that the message will come
        if start is None:
            return err("[SYS/PERM] the message is gone")
        whole: Iterator[bytes] = chain([start], content)
        if self.trim_blank_lines:
            whole = without_blank_end(whole)
        return Answer(chain([f"+OK {first}\r\n".encode()], stuff(whole)))
