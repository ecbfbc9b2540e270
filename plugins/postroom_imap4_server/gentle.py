"""Sorts long lists in pieces: one call of ``list.sort`` keeps the interpreter's lock to its end, and with it every session waiting."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any

PIECE = 10_000  # some milliseconds


def ordered(numbers: Iterable[int], key: Callable[[int], Any], *, reverse: bool = False) -> list[int]:
    """As ``sorted`` does, stable in both directions."""
    rows = list(numbers)
    if len(rows) <= PIECE:
        rows.sort(key=key, reverse=reverse)
        return rows
    pieces = [sorted(rows[start : start + PIECE], key=key, reverse=reverse) for start in range(0, len(rows), PIECE)]
    return list(heapq.merge(*pieces, key=key, reverse=reverse))
