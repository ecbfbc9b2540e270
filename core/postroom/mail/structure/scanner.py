"""The structure of a message in one pass over its bytes, fed in pieces of any size.

How this works. The scanner is in a header, in a body, or in what is left of a boundary line. In a header it looks for the empty line;
in a body, and in a header too, for a line that begins with one of the open boundaries. It jumps from find to find with ``bytes.find``
and never looks at single bytes, so each byte costs at most one search for each open boundary, of which there are at most ``MAX_DEPTH``.
It keeps what has not been decided (the end of the piece before, as long as the longest boundary) and the header that it is in, up to
``MAX_HEADER``; a header is turned into a Part as soon as it ends.

What counts as a boundary line is what readers of broken mail have settled on: only its beginning has to match; of several that match
the longest is meant, of equal ones the innermost; a part that is not closed ends where one around it does; a line in the middle of a
part's header ends that part, whose body is empty; after the closing line of a multipart its boundary means nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from .envelope import envelope
from .mime import describe
from .part import EMBEDDED, Part

MAX_DEPTH = 50  # parts within parts; what is deeper is opaque
MAX_PARTS = 10_000  # in a message; the last one reaches to the end
MAX_HEADER = 256 * 1024  # bytes of a header that are looked at
MAX_BOUNDARY = 1024  # RFC 2046 5.1.1 allows 70
PIECE = 256 * 1024  # a message that is whole in memory is fed in such pieces
STEP = 16 * 1024  # bytes that are searched at a time: a search in vain, of which each part may cause some, costs no more


class _Open(NamedTuple):
    part: Part
    mark: bytes  # LF, two hyphens and the boundary; "" when it has none, or has been closed
    lines: int  # line ends before its body


class _In(Enum):
    LINE = 1  # the rest of a boundary line
    HEADER = 2
    BODY = 3


def scan(message: bytes | Iterable[bytes]) -> Part:
    """The structure of a message, given whole or in pieces."""
    scanner = Scanner()
    for piece in _pieces(message) if isinstance(message, bytes) else message:
        scanner.feed(piece)
    return scanner.close()


def _pieces(message: bytes) -> Iterable[bytes]:
    return (message,) if len(message) <= PIECE else (message[start : start + PIECE] for start in range(0, len(message), PIECE))


class Scanner:
    """The state of a scan: feed pieces, then close. Positions are those in ``_data``, where nothing else is said."""

    def __init__(self) -> None:
        self._data = b"\n"  # a line begins where one has ended, the first one too
        self._offset = -1  # of _data in the message
        self._position = 0  # up to here all is decided
        self._counted = 1  # up to here line ends are counted
        self._lines = 0
        self._state = _In.HEADER
        self._saved = b""  # the beginning of a header that is too long to be kept
        self._header_start = 0  # in the message
        self._body_start = 0  # of the body that began last: no part that is open ends before it
        self._open: list[_Open] = []  # from the message down to the part that we are in
        self._marks: list[tuple[int, bytes]] = []  # those of _open that are not empty, the innermost first
        self._longest = 0  # of the marks
        self._parts = 0
        self._root = Part()

    def feed(self, piece: bytes) -> None:
        """The next bytes of the message."""
        self._data = self._data + piece if self._data else piece
        self._run(final=False)
        self._forget()

    def close(self) -> Part:
        """The message, when all its bytes have been fed."""
        self._run(final=True)
        end = len(self._data)
        if self._state is _In.LINE:
            self._begin_header(end)
        while self._state is _In.HEADER:  # twice when it was that of a part that holds a message
            self._end_header(end, end)
        self._end_parts(0, end)
        return self._root

    def _run(self, *, final: bool) -> None:
        steps = {_In.LINE: self._skip_line, _In.HEADER: self._read_header, _In.BODY: self._read_body}
        while steps[self._state](final):
            pass

    def _skip_line(self, final: bool) -> bool:
        found = self._data.find(b"\n", self._position)
        if found < 0:
            self._position = len(self._data)
            return False
        self._begin_header(found + 1)
        return True

    def _begin_header(self, start: int) -> None:
        self._state, self._saved, self._header_start = _In.HEADER, b"", self._offset + start
        self._position = start - 1

    def _read_header(self, final: bool) -> bool:
        data, start = self._data, self._position
        stop = min(start + STEP, len(data))
        strict = data.find(b"\n\r\n", start, stop + 2)
        loose = data.find(b"\n\n", start, strict + 1 if strict >= 0 else stop + 1)
        empty = loose if loose >= 0 else strict  # the LF before the empty line
        number, found = self._boundary(start, empty if empty >= 0 else stop)
        if number >= 0:
            return self._cut_header(number, found, final)
        if empty < 0:
            return self._pass_over(stop)
        self._end_header(empty + 1, empty + (2 if empty == loose else 3))
        return True

    def _cut_header(self, number: int, found: int, final: bool) -> bool:
        if not self._decided(found, final):
            return False
        while self._state is _In.HEADER:
            self._end_header(found + 1, found + 1)
        self._boundary_line(number, found, found + 1)
        return True

    def _read_body(self, final: bool) -> bool:
        stop = min(self._position + STEP, len(self._data))
        number, found = self._boundary(self._position, stop)
        if number < 0:
            return self._pass_over(stop)
        if not self._decided(found, final):
            return False
        self._boundary_line(number, found, found - 1 if self._data[found - 1 : found] == b"\r" else found)
        return True

    def _pass_over(self, stop: int) -> bool:
        """Nothing begins before ``stop``; where the bytes end there, what may have begun is looked at again with those that follow."""
        more = stop < len(self._data)
        self._position = stop if more else max(self._position, stop - max(self._longest, 3))
        return more

    def _decided(self, found: int, final: bool) -> bool:
        """True when all is there that tells which boundary it is and whether the line closes."""
        self._position = found
        return final or found + self._longest + 2 <= len(self._data)

    def _boundary(self, start: int, limit: int) -> tuple[int, int]:
        """Which open part's boundary comes first, and where the LF before it is, not reaching ``limit``; (-1, …) when none does."""
        number, found, length = -1, limit - 1, 0
        for candidate, mark in self._marks:
            at = self._data.find(mark, start, found + len(mark))
            if at >= 0 and (number < 0 or at < found or len(mark) > length):
                number, found, length = candidate, at, len(mark)
        return number, found

    def _boundary_line(self, number: int, found: int, end: int) -> None:
        """The parts inside the one whose boundary this is end at ``end``; another one begins, or there are no more."""
        opened = self._open[number]
        self._end_parts(number + 1, max(end, self._body_start))
        self._position = found + len(opened.mark)
        closed = self._data.startswith(b"--", self._position)
        self._state = _In.BODY if closed else _In.LINE
        if closed or self._parts >= MAX_PARTS - 1:
            self._open[number] = opened._replace(mark=b"")
        self._remember_marks()

    def _end_parts(self, depth: int, end: int) -> None:
        lines = self._count(end)
        for part, _, before in self._open[depth:]:
            part.end, part.lines = self._offset + end, lines - before
        del self._open[depth:]

    def _end_header(self, end: int, body: int) -> None:
        """A part is known: it is put into the tree, and what its body is decides how to go on."""
        part = self._describe(self._saved or self._data[max(self._header_start - self._offset, 0) : end][:MAX_HEADER])
        part.header_start, part.body_start = self._header_start, self._offset + body
        self._body_start, self._state = body, _In.BODY
        self._position = body - 1  # the first line of the body may be a boundary line, or the empty line of another header
        boundary = part.parameter(b"boundary") if part.multipart else None
        mark = b"" if boundary is None else b"\n--" + boundary.rstrip(b" \t")[:MAX_BOUNDARY]
        self._open.append(_Open(part, mark, self._count(body)))
        self._remember_marks()
        if part.type.lower() == b"message" and part.subtype.lower() in EMBEDDED:
            self._begin_header(body)

    def _describe(self, header: bytes) -> Part:
        around = self._open[-1].part if self._open else None
        part = describe(header, digest=around is not None and around.multipart and around.subtype.lower() == b"digest")
        self._parts += 1
        if around is None:
            self._root = part
        else:
            around.children.append(part)
            if not around.multipart:
                around.envelope = envelope(header)
        if len(self._open) >= MAX_DEPTH and part.type.lower() in {b"multipart", b"message"}:
            part.type, part.subtype, part.params = b"application", b"octet-stream", ()
        return part

    def _remember_marks(self) -> None:
        self._marks = [(number, opened.mark) for number, opened in enumerate(self._open) if opened.mark][::-1]
        self._longest = max((len(mark) for _, mark in self._marks), default=0)

    def _count(self, end: int) -> int:
        """Line ends before ``end``, which is never before that of the call before."""
        self._lines += self._data.count(b"\n", self._counted, end)
        self._counted = end
        return self._lines

    def _forget(self) -> None:
        """Keep only what may still be looked at: one byte before the position, and the header."""
        keep = max(self._position - 1, 0)
        if self._state is _In.HEADER and not self._saved:
            start = self._header_start - self._offset
            if keep - start > MAX_HEADER:
                self._saved = self._data[start : start + MAX_HEADER]
            else:
                keep = min(keep, max(start - 1, 0))
        if keep > self._counted:
            self._count(keep)
        self._data, self._offset = self._data[keep:], self._offset + keep
        self._position, self._counted, self._body_start = self._position - keep, self._counted - keep, self._body_start - keep
