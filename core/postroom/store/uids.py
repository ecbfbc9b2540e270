"""Sets of UIDs: as ranges, and as pieces of SQL that each take a bounded number of parameters."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

UidRanges = list[tuple[int, int]]  # both ends belong to it; ascending, neither overlapping nor touching
Clause = tuple[str, tuple[Any, ...]]  # a condition on column uid and its parameters

HIGHEST = 4_294_967_295  # RFC 9051 section 2.3.1.1
ALL: UidRanges = [(1, HIGHEST)]
LONG = 40  # a range of so many is a condition of its own; shorter ones are spelled out
MOST = 512  # UIDs spelled out in one condition
SIZES = (1, 8, 64, MOST)  # the last UID is repeated up to one of these, so that few different statements are to be prepared


def ranges(uids: Iterable[int] | Iterable[tuple[int, int]]) -> UidRanges:
    """The same UIDs (or ranges, in any order) as ranges."""
    return _merged(sorted(one if isinstance(one, tuple) else (one, one) for one in uids))


def _merged(pairs: list[tuple[int, int]]) -> UidRanges:
    found: UidRanges = []
    for first, last in pairs:
        if found and first <= found[-1][1] + 1:
            if last > found[-1][1]:
                found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def ascending(uids: Iterable[int]) -> UidRanges:
    """The same for UIDs that are in order and differ; faster."""
    found: UidRanges = []
    start = end = -1
    for uid in uids:
        if uid != end + 1 or start < 0:
            if start >= 0:
                found.append((start, end))
            start = uid
        end = uid
    return [*found, (start, end)] if start >= 0 else found


def within(uids: Iterable[int], bounds: UidRanges) -> UidRanges:
    """Those of ``uids`` (in order, and different) that are in ``bounds``."""
    firsts = [first for first, _ in bounds]
    return ascending(uid for uid in uids if (index := bisect_right(firsts, uid)) and uid <= bounds[index - 1][1])


def members(uids: UidRanges) -> Iterator[int]:
    """All UIDs in them."""
    return chain.from_iterable(range(first, last + 1) for first, last in uids)


def clauses(uids: UidRanges) -> Iterator[Clause]:
    """Conditions that together hold for these UIDs, each UID once, in ascending order."""
    short: list[int] = []
    for first, last in uids:
        if last - first < LONG:
            short.extend(range(first, last + 1))
            while len(short) >= MOST:
                yield _spelled(short[:MOST])
                del short[:MOST]
            continue
        if short:
            yield _spelled(short)
            short = []
        yield "uid BETWEEN ? AND ?", (first, last)
    if short:
        yield _spelled(short)


def _spelled(uids: list[int]) -> Clause:
    size = next(size for size in SIZES if size >= len(uids))
    return f"uid IN ({', '.join('?' * size)})", (*uids, *uids[-1:] * (size - len(uids)))
