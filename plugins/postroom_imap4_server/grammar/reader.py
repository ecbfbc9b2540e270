"""Decodes one command, byte by byte within limits: atoms, strings, lists, numbers (RFC 9051 section 9, RFC 3501 section 9).

How this works. A command is a line; where the line ends in ``{n}`` the next n bytes are a literal, and the command goes on with
the line after it. The reader holds the present line and a position, and asks its source for a literal or the next line when the
grammar comes to one, so a parser is written as if the whole command lay before it. Each read has its bound (``ImapLimits``).
When a parser gives up, ``skip_rest`` drops what belongs to the command still, so that no byte of it is taken for another command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from ..limits import ImapLimits
from ..refusals import Bad, Bye, No
from . import names

T = TypeVar("T")

ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')  # ATOM-CHAR
ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')  # ASTRING-CHAR: ATOM-CHAR and "]"
LIST_MAILBOX = re.compile(rb'[^\x00-\x20\x7f(){"\\]+')  # list-char, 8-bit for UTF-8 names
TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]+')  # ASTRING-CHAR but "+"
QUOTED = re.compile(rb'"((?:[^\x00\r\n"\\]|\\["\\])*)"')
LITERAL = re.compile(rb"(~?)\{(\d{1,10})(\+?)\}$")
NUMBER = re.compile(rb"\d{1,20}")
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
MOST_32, MOST_63 = 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF


class Source(Protocol):
    """Where a command comes from: the connection, or a test."""

    def line(self) -> bytes:
        """The next line without CRLF. Raises what the stream raises."""

    def pieces(self, size: int) -> Iterator[bytes]:
        """Exactly ``size`` bytes, as they come."""

    def go_ahead(self) -> None:
        """Tell the client to send its literal (a "+" line), at once."""


class Reader:
    """One command. ``utf8``: strings and mailbox names may hold UTF-8 (IMAP4rev2 or UTF8=ACCEPT is enabled)."""

    def __init__(self, source: Source, limits: ImapLimits, *, known: bool, utf8: bool = False, rev2: bool = False) -> None:
        self.source, self.limits, self.known, self.utf8, self.rev2 = source, limits, known, utf8, rev2
        self.buffer = source.line()
        self.at = 0
        self.tagged = b""  # the tag, when it is read: responses of SEARCH repeat it (RFC 9051 section 7.3.4)
        self.within = False  # a literal has begun, and the line behind it is not read yet
        self._spent = len(self.buffer)  # bytes of this command so far
        self._depth = 0
        self._messages = False

    # --- the beginning and the end

    def tag(self) -> bytes:
        """The tag, with the space after it."""
        self.tagged = self._match(TAG, "a command begins with a tag")
        self.sp()
        return self.tagged

    def end(self) -> None:
        """The command is over. Raises Bad when something is left."""
        if self.at < len(self.buffer):
            raise self.bad("nothing more was expected")

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.buffer)

    def bad(self, words: str) -> Bad:
        """The refusal of what stands at the present place; the caller raises it."""
        return Bad(f"{words} (at byte {self.at + 1} of the line)")

    # --- small things

    def sp(self) -> None:
        """One space."""
        if not self.take(b" "):
            raise self.bad("a space was expected")

    def peek(self, text: bytes) -> bool:
        """Whether ``text`` (in capitals) comes next, in any case."""
        return self.buffer[self.at : self.at + len(text)].upper() == text

    def take(self, text: bytes) -> bool:
        """Pass over ``text`` (in capitals) if it comes next, in any case."""
        found = self.peek(text)
        if found:
            self.at += len(text)
        return found

    def expect(self, text: bytes) -> None:
        """Pass over ``text``, which must come next."""
        if not self.take(text):
            raise self.bad(f"{text.decode()!r} was expected")

    def atom(self) -> bytes:
        """An atom as written."""
        return self._match(ATOM, "an atom was expected")

    def word(self) -> bytes:
        """An atom in capitals: a command, a key, a name of the protocol."""
        return self.atom().upper()

    def number(self, most: int = MOST_32) -> int:
        """A number of at most ``most``."""
        digits = self._match(NUMBER, "a number was expected")
        value = int(digits)
        if value > most:
            raise self.bad("the number is too large")
        return value

    def positive(self, most: int = MOST_32) -> int:
        """A number that is not 0."""
        value = self.number(most)
        if not value:
            raise self.bad("the number must not be 0")
        return value

    # --- strings

    def astring(self) -> bytes:
        """An atom or a string."""
        return self._atom_or_string(ASTRING)

    def list_mailbox(self) -> bytes:
        """A pattern of LIST: an atom that may hold wildcards, or a string."""
        return self._atom_or_string(LIST_MAILBOX)

    def string(self) -> bytes:
        """A quoted string or a literal."""
        if self.peek(b'"'):
            return self._quoted()
        return self.literal()

    def nstring(self) -> bytes | None:
        """A string, or None for NIL."""
        if self.buffer[self.at : self.at + 1] not in (b'"', b"{", b"~") and self.take(b"NIL"):
            return None
        return self.string()

    def text(self) -> str:
        """An astring as text: UTF-8. Raises Bad when it is not."""
        try:
            return self.astring().decode("utf-8")
        except UnicodeDecodeError:
            raise self.bad("the string is not UTF-8") from None

    def mailbox(self) -> str:
        """A mailbox name, decoded. Raises Bad for an ill-encoded one; whether it may exist is for others to say."""
        raw = self.astring()
        try:
            return names.decode(raw, utf8=self.utf8)
        except ValueError as error:
            raise self.bad(str(error)) from None

    def literal(self, *, binary: bool = False) -> bytes:
        """A literal in memory; ``binary`` allows a literal8 with NULs (RFC 3516)."""
        most = self.limits.literal if self.known else self.limits.literal_before_login
        size = self.announced(min(most, self.limits.command - self._spent), binary=binary)
        self._spend(size)
        data = b"".join(self.source.pieces(size))
        self.continued()
        if b"\0" in data and not binary:
            raise self.bad("a literal must not hold NUL")
        return data

    def announced(self, most: int, *, binary: bool = False) -> int:
        """The size of the literal that begins here; the client has been told to send it. Then read it and call ``continued``.

        Raises No (TOOBIG) when it is larger than ``most`` and the client still waits, Bye when it is already on its way.
        """
        found = LITERAL.match(self.buffer, self.at)
        if found is None or (found[1] and not binary):
            raise self.bad("a string was expected")
        size, waiting = int(found[2]), not found[3]
        self.at = found.end()
        if not waiting and (size > most or not (self.known or size <= self.limits.non_synchronizing)):
            raise Bye("the literal is too large", "TOOBIG")  # RFC 7888 section 4: not read in, so nothing can follow it
        if size > most:
            raise No("the literal is too large", "TOOBIG")  # RFC 9051 section 7.1
        if waiting:
            self.source.go_ahead()
        self.within = True
        return size

    def continued(self) -> None:
        """The literal has been read: the command goes on with the next line."""
        self.within = False
        self.buffer, self.at = self.source.line(), 0
        self._spend(len(self.buffer))

    def fresh(self) -> None:
        """A message has been read, whose bytes are bounded by themselves: what a command may have is counted anew."""
        self._spent = len(self.buffer)

    def expect_messages(self) -> None:
        """The literals to come are messages: after a fault they are dropped like any other."""
        self._messages = True

    # --- lists

    def parenthesized(self, item: Callable[[], T], *, least: int = 0) -> list[T]:
        """``(item item …)``, each read by ``item``; at least ``least`` of them."""
        self.expect(b"(")
        found: list[T] = []
        with_depth = self.deeper()
        while not self.take(b")"):
            if found:
                self.sp()
            if len(found) >= self.limits.items:
                raise self.bad("the list is too long")
            found.append(item())
        self._depth = with_depth
        if len(found) < least:
            raise self.bad("the list must not be empty")
        return found

    def one_or_list(self, item: Callable[[], T]) -> list[T]:
        """``item`` or ``(item …)``."""
        return self.parenthesized(item, least=1) if self.peek(b"(") else [item()]

    def deeper(self) -> int:
        """One parenthesis deeper; returns the depth to give to ``shallower``. Raises Bad when it is too deep."""
        self._depth += 1
        if self._depth > self.limits.nesting:
            raise self.bad("the parentheses are nested too deeply")
        return self._depth - 1

    def shallower(self, depth: int) -> None:
        """Back to the depth that ``deeper`` has returned."""
        self._depth = depth

    # --- after a fault

    def skip_rest(self) -> None:
        """Drop what is left of the command. Raises Bye when that would mean to read more than a command may have."""
        while found := LITERAL.search(self.buffer, self.at):
            if not found[3]:
                return  # the client waits for our "+", gets a refusal instead, and sends nothing more
            size = int(found[2])
            if size > self._droppable():
                raise Bye("the literal is too large", "TOOBIG")
            self._spent += 0 if self._messages else size
            for _ in self.source.pieces(size):
                pass
            self.buffer, self.at = self.source.line(), 0
            self._spent += len(self.buffer)

    # --- inside

    def _droppable(self) -> int:
        """Bytes of a literal that may be read only to be dropped."""
        if self._messages:
            return self.limits.message
        return min(self.limits.literal if self.known else self.limits.non_synchronizing, self.limits.command - self._spent)

    def _spend(self, size: int) -> None:
        self._spent += size
        if self._spent > self.limits.command:
            raise Bye("the command is too long", "TOOBIG")

    def _match(self, pattern: re.Pattern[bytes], otherwise: str) -> bytes:
        found = pattern.match(self.buffer, self.at)
        if found is None:
            raise self.bad(otherwise)
        self.at = found.end()
        return found[0]

    def _atom_or_string(self, pattern: re.Pattern[bytes]) -> bytes:
        if self.buffer[self.at : self.at + 1] in (b'"', b"{") or self.peek(b"~{"):  # ~ alone begins an atom
            return self.string()
        return self._match(pattern, "a string was expected")

    def _quoted(self) -> bytes:
        found = QUOTED.match(self.buffer, self.at)
        if found is None:
            raise self.bad("the quoted string does not end, or holds what must be in a literal")
        self.at = found.end()
        inner = found[1]
        if not self.utf8 and not inner.isascii() and not self.known:
            raise self.bad("a quoted string must be ASCII")
        return ESCAPED.sub(rb"\1", inner) if b"\\" in inner else inner
