"""Keeps the collector away from what lives as long as the process, and gives memory back that the C library keeps although nobody uses it.

A full collection looks at every object, 85,000 of a worker that has just started: 50 to 100 ms in which the hub does nothing else, and
pages shared with the supervisor become the worker's own, 7 MB. Cycles among what is made later are collected as ever.

glibc learns from the first large block that is freed to keep the next ones, and in the heaps of other threads than the first it keeps
them for ever: four logins at once (argon2: 19 MB each) would stay for the life of a process. Never keeping them makes a login
half as dear again, in page faults. So there is one heap for all threads, which is tidied once in a while.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

M_ARENA_MAX = -8  # <malloc.h> of glibc; other C libraries have neither this nor the problem


def use_one() -> None:
    """One heap for all threads (they seldom allocate at the same time: Python has one lock for them all). Before there are threads."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def settle() -> None:
    """Leave what is there now out of every collection. Other thresholds than Python's own gain nothing beside this (measured)."""
    gc.freeze()


def give_back() -> None:
    """Return free pages to the system; takes milliseconds."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
