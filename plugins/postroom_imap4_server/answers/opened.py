"""A message whose structure is known, so that its sections can be found."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from postroom.mail.structure import BadPacking, Part, dump, find, load, message_of, scan
from postroom.mail.structure.fields import body_start
from postroom.mail.structure.scanner import Scanner
from postroom.store.database import StoreUnavailable
from postroom.store.kept import LONGEST_ANSWER, STRUCTURE

from ..grammar.fetching import Of, Section

if TYPE_CHECKING:
    from postroom.store.letter import Letter

    from ..session import Session

QUICK = 32 * 1024  # bytes of a message that cannot hold up others, whatever it is made of
MOST_HEADER = 256 * 1024  # bytes of a header that fields are looked for in


class Opened:
    """A message and its structure.

    The structure is that of the whole message, or of the blob alone: then ``base`` bytes are in front of it, all of them header.
    """

    __slots__ = ("base", "letter", "root", "session")

    def __init__(self, session: Session, letter: Letter, root: Part, base: int) -> None:
        self.session, self.letter, self.root, self.base = session, letter, root, base

    def read(self, start: int, length: int) -> bytes:
        """Bytes at the offsets of the structure."""
        return self.letter.read(self.base + start, length)

    @property
    def header(self) -> bytes:
        """The header that the structure belongs to, as far as it is looked at."""
        return self.read(0, min(self.root.body_start, MOST_HEADER))

    def part(self, path: tuple[int, ...]) -> Part:
        """The part that these numbers name. Raises KeyError when there is none."""
        return find(self.root, path)

    def span(self, section: Section) -> tuple[int, int]:
        """Where a section begins and ends in the whole message. Raises KeyError when there is none."""
        if section.of is Of.ALL:
            if not section.path:
                return 0, self.letter.size
            part = find(self.root, section.path)
            return self.base + part.body_start, self.base + part.end
        part = find(self.root, section.path) if section.of is Of.MIME else message_of(self.root, section.path)
        if section.of is Of.TEXT:
            return self.base + part.body_start, self.base + part.end
        return (0 if part is self.root else self.base + part.header_start), self.base + part.body_start


def opened(session: Session, letter: Letter, *, own: bool, structure: bytes | None = None) -> Opened:
    """The message with its structure: of the whole message if ``own``, else of the blob. Raises KeyError when it goes meanwhile.

    ``structure``: as it is kept, if it is known.
    """
    base = 0 if own else len(letter.prefix)
    if structure is not None:
        with contextlib.suppress(BadPacking):
            root = load(structure) if len(structure) <= QUICK else session.context.offload(load, structure)
            return Opened(session, letter, root, base)
    if letter.blob_size <= len(letter.first):
        message = letter.prefix + letter.first if own else letter.first
        return Opened(session, letter, scan(message) if len(message) <= QUICK else session.context.offload(scan, message), base)
    return Opened(session, letter, _scanned(session, letter, 0) if own else _kept_or_scanned(session, letter), base)


def _kept_or_scanned(session: Session, letter: Letter) -> Part:
    """The structure of a large blob: looked up, or else found out and kept."""
    kept = session.context.kept
    kind = kept.kind(STRUCTURE)
    found = kept.answers(kind, [letter.blob_id]).get(letter.blob_id) if kind is not None else None
    if found is not None:
        with contextlib.suppress(BadPacking):
            return load(found)
    root = _scanned(session, letter, len(letter.prefix))
    packed: bytes = session.context.offload(dump, root)
    if kind is not None and len(packed) <= LONGEST_ANSWER:
        with contextlib.suppress(StoreUnavailable):
            kept.keep([(kind, letter.blob_id, packed)])
    return root


def quick_header(letter: Letter, *, own: bool) -> bytes | None:
    """``Opened.header`` without the structure; None where it is longer than what of it is in memory."""
    found = body_start(letter.first)
    if found < 0 and letter.blob_size > len(letter.first):
        return None
    header = letter.first if found < 0 else letter.first[:found]
    return (letter.prefix + header if own else header)[:MOST_HEADER]


def quick_span(letter: Letter, section: Section) -> tuple[int, int] | None:
    """``Opened.span`` for what does not need the structure; None where it does."""
    if section.path:
        return None
    if section.of is Of.ALL:
        return 0, letter.size
    found = body_start(letter.first)
    if found < 0:
        if letter.blob_size > len(letter.first):
            return None
        found = len(letter.first)
    behind = len(letter.prefix) + found
    return (behind, letter.size) if section.of is Of.TEXT else (0, behind)


def _scanned(session: Session, letter: Letter, start: int) -> Part:
    scanner = Scanner()
    for piece in letter.pieces(start, letter.size):
        session.context.offload(scanner.feed, piece)
    root: Part = session.context.offload(scanner.close)
    return root
