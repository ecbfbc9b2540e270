"""The hash of a message's body in its canonical form (RFC 6376 sections 3.4.3 and 3.4.4), fed in chunks of any size.

What is kept between two chunks is small whatever comes: the number of line ends that may be the last ones, a carriage return, and one
space for a run of white space.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..message import Message
from .canonical import Form

CRLF = b"\r\n"
LARGE = 16 * 1024  # bytes of a chunk from which on it is worth another thread
_BARE = re.compile(rb"(?<!\r)\n")
_RUN = re.compile(rb"[ \t]{2,}|\t")
_PIECE = 16 * 1024  # line ends that are hashed at once

Run = Callable[..., Any]  # run(fn, *args): somewhere else, and wait for it


def directly(fn: Callable[..., Any], *args: Any) -> Any:
    """Run it here."""
    return fn(*args)


class BodyHash:
    """SHA-256 over a body. ``length``: only so many bytes of the canonical form count (``l=``); None is all."""

    def __init__(self, form: Form | str, length: int | None = None) -> None:
        self.relaxed, self.left = form == "relaxed", length
        self.total = 0  # bytes of the canonical form
        self._hash = hashlib.sha256()
        self._held = b""  # the end of the chunk before, as far as what follows decides about it
        self._digest: bytes | None = None
        self._ends = 0  # line ends that count only when something follows

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the body."""
        data = self._held + chunk
        cut = len(data) - data.endswith(b"\r")
        text = len(data[:cut].rstrip(b" \t")) if self.relaxed else cut
        self._held = (b" " if text < cut else b"") + data[cut:]
        self._take(data[:text])

    def _take(self, data: bytes) -> None:
        if data.count(b"\n") != data.count(CRLF):
            data = _BARE.sub(CRLF, data)
        if self.relaxed:
            data = _RUN.sub(b" ", data).replace(b" \r\n", CRLF)
        tail = data[len(data.rstrip(CRLF)) :]
        ends = 0 if data.endswith(b"\r") else (len(tail) - tail.rfind(b"\r\r") - 1) // 2  # a carriage return alone is text
        text = data[: len(data) - 2 * ends]
        if text:
            self._write_ends()
            self._write(text)
        self._ends += ends

    def _write_ends(self) -> None:
        while self._ends:
            some = min(self._ends, _PIECE)
            self._write(CRLF * some)
            self._ends -= some

    def _write(self, data: bytes) -> None:
        self.total += len(data)
        if self.left is not None:
            data = data[: self.left]
            self.left -= len(data)
        self._hash.update(data)

    def digest(self) -> bytes:
        """The hash; nothing may be fed after it was asked for first."""
        if self._digest is not None:
            return self._digest
        rest = self._held.rstrip(b" ") if self.relaxed else self._held
        self._held = b""
        if rest:  # a carriage return without its line feed
            self._write_ends()
            self._write(rest)
        if self.total or not self.relaxed:  # section 3.4.3: an empty body is one line end; section 3.4.4: it is nothing
            self._write(CRLF)
        self._digest = self._hash.digest()
        return self._digest


def body_of(message: Message) -> Iterator[bytes]:
    """The body of a message in chunks, without its header and the empty line behind it."""
    skip = message.header_size
    skip += 2 if message.head[skip : skip + 2] == CRLF else 1 if message.head[skip : skip + 1] == b"\n" else 0
    for chunk in message.chunks():
        if skip >= len(chunk):
            skip -= len(chunk)
            continue
        yield chunk[skip:] if skip else chunk
        skip = 0


def hash_body(message: Message, hashes: Iterable[BodyHash], run: Run = directly) -> None:
    """Feed the body to all these hashes in one pass. ``run``: where large chunks are worked on."""
    hashes = tuple(hashes)
    for chunk in body_of(message):
        for one in hashes:
            if len(chunk) < LARGE:
                one.feed(chunk)
            else:
                run(one.feed, chunk)
