"""Planning and doing the conversion of a message to 7-bit.

How this works. A message is read three times and never held: once by the scanner, which finds its parts; once to see what is in each of
them, which gives the steps of a plan; and once, as often as it is sent, to do the steps. A step is a stretch of the message and what
becomes of it. What needs no change is copied byte for byte, so that a part that was 7-bit before keeps its checksum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from ..structure.part import Part
from ..structure.scanner import MAX_DEPTH, MAX_PARTS, Scanner
from .encodings import base64, masked, quoted, requoted, stripped
from .heading import Change, changed
from .measuring import Measure
from .refusing import Unconvertible
from .regions import IDENTITY, Kind, Region, encoding_of, regions
from .tape import Breathe, Tape
from .words import UNKNOWN

LONGEST_HEADER = 64 * 1024  # bytes of a header that is changed: that is done in one go
BLOCK = 64 * 1024  # bytes that are given out at a time, at least
ENCODED_WHOLE = frozenset({b"partial", b"external-body"})  # of message/…: to be 7bit always (RFC 2046 sections 5.2.2.1 and 5.2.3.1)


class Do(Enum):
    """What becomes of a stretch."""

    COPY = 1
    HEADER = 2
    QUOTE = 3
    BASE64 = 4
    REQUOTE = 5
    STRIP = 6
    MASK = 7


class Step(NamedTuple):
    """From the end of the step before to ``end``."""

    end: int
    do: Do
    change: Change = Change()


ENCODERS: dict[Do, Callable[[Iterable[bytes]], Iterator[bytes]]] = {
    Do.COPY: iter,
    Do.QUOTE: quoted,
    Do.BASE64: base64,
    Do.REQUOTE: requoted,
    Do.STRIP: stripped,
    Do.MASK: masked,
}
ENCODINGS = {b"quoted-printable": Do.QUOTE, b"base64": Do.BASE64}
REPAIRS = {b"quoted-printable": Do.REQUOTE, b"base64": Do.STRIP}  # 8-bit bytes in a body that says it is encoded


class Conversion:
    """A plan for one message."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    def converted(self, chunks: Iterable[bytes], breathe: Breathe) -> Iterator[bytes]:
        """The message of these chunks, which must be those of the plan, as 7-bit text. Raises Unconvertible."""
        return _in_blocks(self._pieces(Tape(chunks, breathe)))

    def _pieces(self, tape: Tape) -> Iterator[bytes]:
        for step in self.steps:
            if step.do is Do.HEADER:
                yield changed(b"".join(tape.upto(step.end)), step.change)
            else:
                yield from ENCODERS[step.do](tape.upto(step.end))
        if self.steps and self.steps[-1].do is Do.BASE64:
            yield b"\r\n"  # the last line of the message; elsewhere a boundary follows


def plan(chunks: Callable[[], Iterable[bytes]], breathe: Breathe) -> Conversion:
    """How to make the message 7-bit. ``chunks``: its bytes, from the start at each call. Raises Unconvertible.

    ``breathe`` is called every few milliseconds of work.
    """
    scanner = Scanner()
    for piece in Tape(chunks(), breathe).all():
        scanner.feed(piece)
    planner = _Planner(Tape(chunks(), breathe))
    for region in regions(scanner.close()):
        planner.add(region)
    return Conversion(planner.steps)


class _Planner:
    def __init__(self, tape: Tape) -> None:
        self.steps: list[Step] = []
        self._tape = tape
        self._headers = 0
        self._header_ascii = True  # the header that came last
        self._take = {Kind.HEADER: self._header, Kind.LEAF: self._leaf, Kind.BETWEEN: self._between, Kind.OPAQUE: self._opaque}

    def add(self, region: Region) -> None:
        self._take[region.kind](region)

    def _step(self, end: int, do: Do, change: Change = Change()) -> None:  # noqa: B008 - it is immutable
        before = self.steps[-1].end if self.steps else 0
        if end <= before and do is not Do.HEADER:
            return
        if do is Do.COPY and self.steps and self.steps[-1].do is Do.COPY:
            self.steps[-1] = Step(end, do)
        else:
            self.steps.append(Step(end, do, change))

    def _header(self, region: Region) -> None:
        self._headers += 1
        if self._headers >= MAX_PARTS:
            raise Unconvertible("it has too many parts")
        part = region.part
        if part.multipart and not (part.parameter(b"boundary") or b"").isascii():
            raise Unconvertible("a boundary is not ASCII")
        plain = self._ascii(region.end)
        relabelled = b"7bit" if encoding_of(part) in {b"8bit", b"binary"} else b""
        change = Change(relabelled, region.top)
        needed = bool(relabelled) or not plain
        if needed and part.body_start - part.header_start > LONGEST_HEADER:
            raise Unconvertible("a header is too long")
        self._step(region.end, Do.HEADER if needed else Do.COPY, change)

    def _leaf(self, region: Region) -> None:
        part = region.part
        measure = Measure(self._tape.upto(region.end), text=region.top and not part.params)
        encoding = encoding_of(part)
        if encoding in IDENTITY:
            do = Do.COPY if measure.plain else self._encode(region, measure)
        elif measure.ascii:
            do = Do.COPY
        elif encoding in REPAIRS:
            do = REPAIRS[encoding]
        else:
            raise Unconvertible("a part has an unknown transfer encoding")
        self._step(region.end, do)

    def _encode(self, region: Region, measure: Measure) -> Do:
        part = region.part
        if _unencodable(part, region.depth):
            raise Unconvertible("a part of a kind that cannot be encoded is not 7-bit")
        encoding = measure.encoding(readable=part.type.lower() == b"message")  # programs read reports, and not all of them decode
        self._rewrite_header(part, Change(encoding, region.top, (b"utf-8" if measure.utf8 else UNKNOWN) if region.top else b""))
        return ENCODINGS[encoding]

    def _rewrite_header(self, part: Part, change: Change) -> None:
        """The header that has just been passed changes after all."""
        last = self.steps.pop()
        if last.do is Do.COPY:  # it was joined to what is before it
            self._step(part.header_start, Do.COPY)
        if part.body_start - part.header_start > LONGEST_HEADER:
            raise Unconvertible("a header is too long")
        self._step(part.body_start, Do.HEADER, change)

    def _between(self, region: Region) -> None:
        plain = self._ascii(region.end)
        self._step(region.end, Do.COPY if plain else Do.MASK)

    def _opaque(self, region: Region) -> None:
        if not self._ascii(region.end):
            raise Unconvertible("a signed or encrypted part is not 7-bit", sealed=True)
        self._step(region.end, Do.COPY)

    def _ascii(self, end: int) -> bool:
        """Reads up to ``end``, also where it is decided before."""
        high = False
        for piece in self._tape.upto(end):
            high = high or not piece.isascii()
        return not high


def _unencodable(part: Part, depth: int) -> bool:
    """True for parts whose transfer encoding must not be another (RFC 2045 section 6.4), and for what may be one of those."""
    kind, subtype = part.type.lower(), part.subtype.lower()
    if kind == b"multipart":
        return True
    deep = depth >= MAX_DEPTH - 1 and (kind, subtype) == (b"application", b"octet-stream")  # what the scanner calls that
    return deep or (kind == b"message" and subtype in ENCODED_WHOLE)


def _in_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held, size = [], 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if size:
        yield b"".join(held)
