"""Counts that hold across workers: how many connections an address has open, over all processes.

Shared memory made before the fork. Every worker writes only its own table and reads all of them, so no lock is
needed; two workers that admit the last permitted connection in the same microsecond may both succeed, never more.
"""

from __future__ import annotations

import mmap
from functools import lru_cache
from hashlib import blake2b

ENTRIES = 4096  # distinct keys a worker can hold at once; a power of two
PROBES = 24  # how far a key may stand from its place; beyond that it is counted in this process only
SLOT_BYTES = ENTRIES * 16


class Tally:
    """Counters by key, one table for each slot (worker). ``Tally(slots)`` before the fork, ``use(slot)`` after it."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        cells = memoryview(mmap.mmap(-1, slots * SLOT_BYTES)).cast("Q")
        self._keys = [cells[slot * 2 * ENTRIES : slot * 2 * ENTRIES + ENTRIES] for slot in range(slots)]
        self._counts = [cells[slot * 2 * ENTRIES + ENTRIES : (slot + 1) * 2 * ENTRIES] for slot in range(slots)]
        self._mine = 0
        self._overflow: dict[int, int] = {}

    def use(self, slot: int) -> None:
        """Count for this slot from now on, starting from nothing (a worker that died left its counts behind)."""
        self.clear(slot)
        self._mine = slot
        self._overflow = {}

    def clear(self, slot: int) -> None:
        """Forget what a slot has counted: its worker is gone."""
        for cell in range(ENTRIES):
            self._keys[slot][cell] = self._counts[slot][cell] = 0

    def enter(self, key: str) -> int:
        """Count one more under ``key``; returns the count over all workers, this one included."""
        number = _number(key)
        cell = self._place(number)
        if cell < 0:
            self._overflow[number] = self._overflow.get(number, 0) + 1
        else:
            self._keys[self._mine][cell] = number
            self._counts[self._mine][cell] += 1
        return self._total(number)

    def leave(self, key: str) -> None:
        """Count one less under ``key``; every ``enter`` has exactly one ``leave``."""
        number = _number(key)
        if number in self._overflow:
            self._overflow[number] -= 1
            if not self._overflow[number]:
                del self._overflow[number]
            return
        cell = _find(self._keys[self._mine], number)
        if cell >= 0 and self._counts[self._mine][cell]:
            self._counts[self._mine][cell] -= 1

    def count(self, key: str) -> int:
        """The present count under ``key`` over all workers."""
        return self._total(_number(key))

    def _place(self, number: int) -> int:
        """The cell of ``number`` in this worker's table, or a free one for it, or -1 when its neighbourhood is full."""
        keys, counts = self._keys[self._mine], self._counts[self._mine]
        found = _find(keys, number)
        if found >= 0:
            return found
        return next((cell for cell in _cells(number) if not counts[cell]), -1)  # a cell counted down to zero is free again

    def _total(self, number: int) -> int:
        total = self._overflow.get(number, 0)
        for keys, counts in zip(self._keys, self._counts, strict=True):
            cell = _find(keys, number)
            if cell >= 0:
                total += counts[cell]
        return total


@lru_cache(ENTRIES)
def _number(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") or 1


def _cells(number: int) -> list[int]:
    return [(number + step) % ENTRIES for step in range(PROBES)]


def _find(keys: memoryview, number: int) -> int:
    start = number % ENTRIES
    if keys[start] == number:
        return start
    for step in range(1, PROBES):
        cell = (start + step) % ENTRIES
        if keys[cell] == number:
            return cell
        if not keys[cell]:
            return -1  # keys are never taken out, only reused, so an empty cell ends the search
    return -1
