"""The stretches that a message consists of, in order: headers, bodies of leaf parts, what stands between parts, what nobody may touch."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from ..structure.part import Part

OPAQUE = frozenset({b"signed", b"encrypted"})  # multiparts that are not altered on the way (RFC 1847 sections 2.1 and 2.2)
IDENTITY = frozenset({b"7bit", b"8bit", b"binary"})  # encodings that encode nothing


class Kind(Enum):
    """What a region is."""

    HEADER = 1
    LEAF = 2  # the body of one part
    BETWEEN = 3  # boundary lines, and text around them that readers do not show
    OPAQUE = 4  # the parts of a multipart that must stay as it is


class Region(NamedTuple):
    """From where the region before ends to ``end``; ``part`` is whose header or body it is."""

    kind: Kind
    end: int
    part: Part
    depth: int  # parts around it
    top: bool  # the part is a message, not a part of one


class _Waiting(NamedTuple):
    part: Part
    depth: int
    top: bool


def regions(message: Part) -> Iterator[Region]:
    """All regions of a message; together they are all its bytes."""
    waiting: list[Iterator[Region | _Waiting]] = [iter((_Waiting(message, 0, True),))]
    while waiting:
        item = next(waiting[-1], None)
        if item is None:
            waiting.pop()
        elif isinstance(item, Region):
            yield item
        else:
            yield Region(Kind.HEADER, item.part.body_start, item.part, item.depth, item.top)
            waiting.append(_inside(item))


def encoding_of(part: Part) -> bytes:
    """The transfer encoding in lower case."""
    return (part.encoding or b"7bit").lower()


def entered(part: Part) -> bool:
    """True when its children are parts of this message: one that holds a message, encoded or not to be read, is a leaf.

    ``message/global`` may be encoded as a whole (RFC 6532 section 3.7), which changes nothing in it; ``message/rfc822`` may not.
    """
    if part.multipart:
        return bool(part.children)
    return bool(part.children) and part.subtype.lower() == b"rfc822" and encoding_of(part) in IDENTITY


def _inside(item: _Waiting) -> Iterator[Region | _Waiting]:
    part, depth, top = item
    if part.multipart and part.subtype.lower() in OPAQUE:
        yield Region(Kind.OPAQUE, part.end, part, depth, top)
    elif not entered(part):
        yield Region(Kind.LEAF, part.end, part, depth, top)
    else:
        for child in part.children:
            yield Region(Kind.BETWEEN, child.header_start, part, depth, top)
            yield _Waiting(child, depth + 1, not part.multipart)
        yield Region(Kind.BETWEEN, part.end, part, depth, top)
