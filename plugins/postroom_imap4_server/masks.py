"""Sets of a mailbox's messages as one integer: one byte for each message, 1 where it belongs to the set. Quick to make, unite and cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import TypeVar

T = TypeVar("T")


def full(count: int) -> int:
    """All of ``count`` messages."""
    return int.from_bytes(b"\1" * count, "little")


def of(truths: Iterable[int]) -> int:
    """Those for which ``truths`` (one of each message, in order) holds."""
    return int.from_bytes(bytes(truths), "little")


def of_ranges(ranges: Iterable[range], count: int) -> int:
    """Those with these indexes."""
    found = bytearray(count)
    for one in ranges:
        found[one.start : one.stop] = b"\1" * len(one)
    return int.from_bytes(found, "little")


def of_indexes(indexes: Iterable[int], count: int) -> int:
    """Those with these indexes, of which negative ones are nothing."""
    found = bytearray(count)
    for index in indexes:
        if index >= 0:
            found[index] = 1
    return int.from_bytes(found, "little")


def without(mask: int, other: int) -> int:
    """Those of the one that are not in the other."""
    return mask & ~other


def size(mask: int) -> int:
    """How many."""
    return mask.bit_count()


def chosen(mask: int, column: Sequence[T]) -> Iterator[T]:
    """The values that a column has for them, in order."""
    return compress(column, mask.to_bytes(len(column), "little"))
