"""Ids that sort by time and need no round trip: 63 bits, made by whoever creates the row; also the trace ids people see."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from random import getrandbits

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing to misread on the telephone
LENGTH = 13
RANDOM_BITS = 21
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]  # ten bits at a time


_now: tuple[int, Iterator[int]] = (0, count())  # the last millisecond in which an id was made, and those that follow in it


def new_id() -> int:
    """A new id: 42 bits of milliseconds since 1970, and 21 bits that begin anywhere in each millisecond and count up in it.

    So those of one process are in order and never the same; another process of the same millisecond may have made the same one (about
    one in two millions): the key refuses it, and the sender tries again.
    """
    global _now  # noqa: PLW0603
    moment, following = _now
    if (now := time.time_ns() // 1_000_000) != moment:
        following = count(now << RANDOM_BITS | getrandbits(RANDOM_BITS))
        _now = (now, following)
    return next(following)  # one step, whatever threads there are


def first_id(seconds: float) -> int:
    """The lowest id that can be made at this time (epoch seconds): ids below it are older."""
    return int(seconds * 1000) << RANDOM_BITS


def text(number: int) -> str:
    """The 13 characters that stand for an id in logs, headers and commands."""
    high = ALPHABET[number >> 60 & 31] + PAIRS[number >> 50 & 1023] + PAIRS[number >> 40 & 1023] + PAIRS[number >> 30 & 1023]
    return high + PAIRS[number >> 20 & 1023] + PAIRS[number >> 10 & 1023] + PAIRS[number & 1023]


def parse(word: str) -> int:
    """The id behind its text; raises ValueError with a sentence when it is not one."""
    cleaned = word.strip().lower()
    if len(cleaned) != LENGTH or any(letter not in ALPHABET for letter in cleaned):
        raise ValueError(f"{word!r} is not a trace id: {LENGTH} letters and digits as in the log are expected")
    number = 0
    for letter in cleaned:
        number = number << 5 | ALPHABET.index(letter)
    return number
