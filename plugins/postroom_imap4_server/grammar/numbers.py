"""Sets of message numbers and UIDs: ``1:4,7,*`` (RFC 9051 section 9: sequence-set)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroom.store.uids import UidRanges, ranges

if TYPE_CHECKING:
    from .reader import Reader

STAR = 1 << 32  # "*": larger than any number


@dataclass(frozen=True, slots=True)
class NumberSet:
    """Ranges as written, inclusive; STAR stands for the largest number in use. ``saved``: "$" (RFC 5182)."""

    ranges: tuple[tuple[int, int], ...] = ()
    saved: bool = False

    def resolved(self, largest: int) -> UidRanges:
        """Sorted, disjoint ranges; ``*`` is ``largest`` (0 in an empty mailbox: then it matches nothing)."""
        found = []
        for first, last in self.ranges:
            low, high = sorted((largest if first == STAR else first, largest if last == STAR else last))
            if high:
                found.append((max(low, 1), high))
        return ranges(found)

    @property
    def has_star(self) -> bool:
        """Whether ``*`` is in it."""
        return any(STAR in pair for pair in self.ranges)


def read_set(reader: Reader, *, saved: bool = True) -> NumberSet:
    """A number set, or ``$`` where ``saved`` allows it. Raises Bad."""
    if saved and reader.take(b"$"):
        return NumberSet(saved=True)
    ranges = [_range(reader)]
    while reader.take(b","):
        if len(ranges) >= reader.limits.items:
            raise reader.bad("the number set is too long")
        ranges.append(_range(reader))
    return NumberSet(tuple(ranges))


def _range(reader: Reader) -> tuple[int, int]:
    first = _number(reader)
    return (first, _number(reader)) if reader.take(b":") else (first, first)


def _number(reader: Reader) -> int:
    return STAR if reader.take(b"*") else reader.positive()
