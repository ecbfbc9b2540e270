"""Ids that sort by time and need no round trip: 63 bits, made by whoever creates the row; also the trace ids people see."""

from __future__ import annotations

import os
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing to misread on the telephone
LENGTH = 13
RANDOM_BITS = 21


def new_id() -> int:
    """A new id: 42 bits of milliseconds since 1970, 21 random bits (a collision violates a key and is tried again by the sender)."""
    return (time.time_ns() // 1_000_000) << RANDOM_BITS | int.from_bytes(os.urandom(3), "big") >> 3


def text(number: int) -> str:
    """The 13 characters that stand for an id in logs, headers and commands."""
    return "".join(ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))


def parse(word: str) -> int:
    """The id behind its text; raises ValueError with a sentence when it is not one."""
    cleaned = word.strip().lower()
    if len(cleaned) != LENGTH or any(letter not in ALPHABET for letter in cleaned):
        raise ValueError(f"{word!r} is not a trace id: {LENGTH} letters and digits as in the log are expected")
    number = 0
    for letter in cleaned:
        number = number << 5 | ALPHABET.index(letter)
    return number
