"""Looks for a string in messages themselves, where the index does not know them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from postroom.mail.structure import Part, scan, walk
from postroom.mail.structure.scanner import Scanner
from postroom.mail.structure.transfer import Reader
from postroom.mail.wording import Wording, wording

from ..blobs import CHUNK, Blobs

AT_ONCE = 32  # messages read by one statement
IN_MEMORY = 4 * 1024 * 1024  # bytes of a message that is read as a whole; of a larger one only the text parts are read again
MOST_TEXT = 16 * 1024 * 1024  # characters of one message that are searched

ENCODED = 2  # bytes for a character that are read of a large message: what is encoded at more length is searched less far

FIRST = "SELECT id, data, size FROM blob WHERE complete = 1 AND id IN"

Offload = Callable[..., Any]


class Raw(NamedTuple):
    """A message with its first chunk."""

    blob_id: int
    first: bytes
    size: int


def read(blobs: Blobs, blob_ids: Sequence[int]) -> list[Raw]:
    """The beginnings of these messages; those that are gone are left out."""
    marks = ", ".join("?" * len(blob_ids))
    rows = blobs.db.read_slow(lambda tx: tx.execute(f"{FIRST} ({marks})", tuple(blob_ids)))
    return [Raw(row[0], bytes(row[1]), row[2]) for row in rows]


class Opened(NamedTuple):
    """A message whose structure is known. ``whole``: False when ``read`` knows only the beginning of its text."""

    root: Part
    read: Reader
    whole: bool = True

    def wording(self, most: int) -> Wording:
        """Its words, up to so many characters."""
        found = wording(self.root, self.read, most)
        return found if self.whole else found._replace(whole=False)


def opened(message: bytes) -> Opened:
    """A message in memory."""
    return Opened(scan(message), lambda start, length: message[start : start + length])


def opened_large(blobs: Blobs, raw: Raw, offload: Offload, most: int) -> Opened:
    """A message that is longer than its first chunk, with ``most`` characters of text. Raises KeyError when it goes meanwhile."""
    if raw.size <= IN_MEMORY:
        small: Opened = offload(opened, b"".join(blobs.following(raw.blob_id, raw.first, raw.size)))
        return small
    scanner = Scanner()
    for piece in blobs.following(raw.blob_id, raw.first, raw.size):
        offload(scanner.feed, piece)
    root = scanner.close()
    excerpts = _Excerpts(blobs, raw.blob_id, root, most * ENCODED)
    return Opened(root, excerpts, excerpts.whole)


class _Excerpts:
    """The headers and text parts of a large message: a reader that needs no database, since threads may not use ours."""

    def __init__(self, blobs: Blobs, blob_id: int, root: Part, most: int) -> None:
        self._found: list[tuple[int, bytes]] = []
        self.whole = True
        for part in walk(root):
            text = part.type.lower() == b"text"
            length = part.body_start - part.header_start + (part.size if text else 0)
            self._found.append((part.header_start, blobs.part(blob_id, part.header_start, min(length, most))))
            most -= len(self._found[-1][1])
            if most <= 0:
                self.whole = False
                break

    def __call__(self, start: int, length: int) -> bytes:
        """What was read of these bytes."""
        at = bisect_right(self._found, start, key=lambda one: one[0]) - 1
        begin, data = self._found[max(at, 0)]
        return data[start - begin : start - begin + length]


def scanned(blobs: Blobs, offload: Offload, blob_ids: Iterable[int], has: Callable[[Wording], bool], check: Callable[[], None]) -> set[int]:
    """Those of the messages of which ``has`` is true. ``check`` is called now and then and may raise."""
    found: set[int] = set()
    waiting = iter(blob_ids)
    while some := list(islice(waiting, AT_ONCE)):
        check()
        raws = read(blobs, some)
        small = [raw for raw in raws if raw.size <= CHUNK]
        found.update(offload(_small, small, has))
        found.update(raw.blob_id for raw in raws if raw.size > CHUNK and _large(blobs, offload, raw, has))
    return found


def _small(raws: list[Raw], has: Callable[[Wording], bool]) -> list[int]:
    return [raw.blob_id for raw in raws if has(opened(raw.first).wording(MOST_TEXT))]


def _large(blobs: Blobs, offload: Offload, raw: Raw, has: Callable[[Wording], bool]) -> bool:
    try:
        message = opened_large(blobs, raw, offload, MOST_TEXT)
    except KeyError:  # removed meanwhile
        return False
    return bool(offload(lambda: has(message.wording(MOST_TEXT))))
