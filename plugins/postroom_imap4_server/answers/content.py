"""Data items that are parts of messages: BODY[…], BINARY[…], BINARY.SIZE[…], RFC822 and its kin (RFC 9051 6.4.5, RFC 3516)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from postroom.mail.structure import header_fields
from postroom.mail.structure.transfer import decoded, known

from ..grammar.fetching import FIELD_LISTS, Item, Of, Section
from .opened import MOST_HEADER, Opened, opened, quick_span

if TYPE_CHECKING:
    from postroom.store.letter import Letter

    from ..session import Session


WHOLE = Section()


class Piece(NamedTuple):
    """A part of a message that is sent: its bytes, one after the other, and how many that are."""

    size: int
    data: Iterator[bytes]
    binary: bool = False  # it holds NUL, which only a literal8 may (RFC 3516 section 4.4)


class Content:
    """One message whose parts are asked for. ``unknown`` tells afterwards that something could not be decoded."""

    def __init__(self, session: Session, letter: Letter, *, own: bool, structure: bytes | None = None) -> None:
        self.session, self.letter, self._own, self._structure = session, letter, own, structure
        self._opened: Opened | None = None
        self.unknown = False

    @property
    def opened(self) -> Opened:
        """The message with its structure. Raises KeyError when it goes meanwhile."""
        if self._opened is None:
            self._opened = opened(self.session, self.letter, own=self._own, structure=self._structure)
        return self._opened

    def answer(self, item: Item) -> bytes:
        """A data item in memory: for messages that are small. Raises KeyError when the message goes meanwhile."""
        if item.name == "BODY" and item.section == WHOLE and item.length is None and (whole := self.letter.whole) is not None:
            return b"BODY[] {%d}\r\n%b" % (len(whole), _shown(whole))
        piece = self.piece(item)
        if isinstance(piece, int):
            return b"%b %d" % (bytes(item), piece)
        if piece is None:
            return bytes(item) + b" NIL"
        data = b"".join(piece.data)
        return b"%b %b{%d}\r\n%b" % (bytes(item), b"~" if piece.binary else b"", len(data), data)

    def send(self, item: Item) -> None:
        """A data item sent piece by piece. Raises KeyError when the message goes meanwhile."""
        piece, out = self.piece(item), self.session.out
        if isinstance(piece, int):
            out.write(b"%b %d" % (bytes(item), piece))
        elif piece is None:
            out.write(bytes(item) + b" NIL")
        else:
            out.write(b"%b %b{%d}\r\n" % (bytes(item), b"~" if piece.binary else b"", piece.size))
            for data in piece.data:
                out.write(data)
                out.breathe()

    def piece(self, item: Item) -> Piece | int | None:
        """What a data item asks for; the number that BINARY.SIZE is; None for a section that there is not."""
        try:
            if item.name.startswith("BINARY"):
                return self._binary(item)
            return self._body(item)
        except KeyError as error:
            if error.args == (self.letter.blob_id,):  # not the section, but the message is not there
                raise
            return 0 if item.name == "BINARY.SIZE" else None

    def _body(self, item: Item) -> Piece:
        assert item.section is not None
        start, end = quick_span(self.letter, item.section) or self.opened.span(item.section)
        if item.section.of in FIELD_LISTS:
            header = self.letter.read(start, min(end - start, MOST_HEADER))
            names = frozenset(name.lower() for name in item.section.names)
            found = header_fields(header, names, exclude=item.section.of is Of.NOT_FIELDS)
            found = _shown(found if item.length is None else found[item.start : item.start + item.length])
            return Piece(len(found), iter((found,)))
        start = min(start + item.start, end)
        if item.length is not None:
            end = min(end, start + item.length)
        return Piece(end - start, map(_shown, self.letter.pieces(start, end)))

    def _binary(self, item: Item) -> Piece | int | None:
        assert item.section is not None
        part = None
        if item.section.path:
            part = self.opened.part(item.section.path)
            if part.multipart or part.message is not None:
                part = None  # RFC 2045 section 6.4: these are not encoded
            elif not known(part):
                self.unknown = True
                return 0 if item.name == "BINARY.SIZE" else None  # RFC 9051 section 9: a number, NIL is none
        start, end = self.opened.span(item.section) if item.section.path else (0, self.letter.size)

        def data() -> Iterator[bytes]:
            return decoded(part, self.opened.read) if part is not None else self.letter.pieces(start, end)

        size, binary = self._measured(data()) if part is not None or item.name == "BINARY" else (end - start, False)
        if item.name == "BINARY.SIZE":
            return size
        first, last = min(item.start, size), size if item.length is None else min(size, item.start + item.length)
        return Piece(max(last - first, 0), cut(data(), first, last), binary)

    def _measured(self, pieces: Iterable[bytes]) -> tuple[int, bool]:
        size, binary = 0, False
        for data in pieces:
            size += len(data)
            binary = binary or b"\0" in data
            self.session.out.breathe()
        return size, binary


def cut(pieces: Iterable[bytes], start: int, end: int) -> Iterator[bytes]:
    """The bytes from ``start`` to ``end`` of a sequence of pieces."""
    at = 0
    for data in pieces:
        if at >= end:
            return
        if at + len(data) > start:
            yield data[max(start - at, 0) : end - at]
        at += len(data)


def _shown(data: bytes) -> bytes:
    """No literal but a literal8 may hold a NUL (RFC 9051 section 9): something else of the same length stands in its place."""
    return data.replace(b"\0", b"\x80") if b"\0" in data else data
