"""Feeds a case to a parser whole, byte by byte, and cut at a place of hypothesis' choice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """``data`` whole, byte by byte, and in pieces of two and of three bytes."""
    yield [data]
    for size in (1, 2, 3):
        yield [data[at : at + size] for at in range(0, len(data), size)]


def cut_at(data: bytes, places: list[int]) -> list[bytes]:
    """``data`` cut at these places, as far as they lie within it; no piece is empty."""
    borders = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(borders) if end > start]
