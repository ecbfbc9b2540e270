"""Matches mailbox names against the patterns of LIST: ``*`` is anything, ``%`` anything within one level (RFC 9051 section 6.3.9).

How this works. All patterns together are one automaton whose states are the bits of a number: a bit says that the pattern up to there
has matched what was read of the name. Each character of the name moves all bits at once, so the time grows with the length of the name
alone, whatever wildcards a pattern has; there is nothing to go back to.
"""

from __future__ import annotations

from collections.abc import Iterable

from postroom.store.folders import INBOX, SEPARATOR

LONGEST = 8_192  # characters of all patterns of one command


class Patterns:
    """Some patterns; a name matches when it matches any of them. Raises ValueError when they are too long."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(dict.fromkeys(variant for pattern in patterns for variant in _variants(pattern)))
        if sum(map(len, self.patterns)) > LONGEST:
            raise ValueError("the patterns are too long")
        self._first = self._last = 0  # states in which a pattern begins and is complete
        self._any = self._within = 0  # states that * and % stay in
        self._moves: dict[str, int] = {}  # character -> states that it leads on from
        state = 0
        for pattern in self.patterns:
            state = self._add(pattern, state)

    def _add(self, pattern: str, state: int) -> int:
        """Add a pattern whose states begin with ``state``; the first state of the next one."""
        self._first |= 1 << state
        for character in pattern:
            if character == "*":
                self._any |= 1 << state
            elif character == "%":
                self._within |= 1 << state
            else:
                self._moves[character] = self._moves.get(character, 0) | 1 << state
                state += 1
        self._last |= 1 << state
        return state + 1

    def match(self, name: str) -> bool:
        """Whether the whole name matches."""
        states, moves, stay, within = self._first, self._moves, self._any, self._any | self._within
        for character in name:
            states = (states & moves.get(character, 0)) << 1 | states & (stay if character == SEPARATOR else within)
            if not states:
                return False
        return bool(states & self._last)

    def may_match(self, prefix: str) -> bool:
        """Whether a name that begins so could match."""
        return any(_could_begin(pattern, prefix) for pattern in self.patterns)


def _variants(pattern: str) -> tuple[str, ...]:
    """The pattern, and with INBOX in capitals where it begins with that: INBOX is the same in any case (RFC 9051 section 5.1)."""
    if pattern[:5].upper() == INBOX and pattern[5:6] in ("", SEPARATOR, "*", "%"):
        return pattern, INBOX + pattern[5:]
    return (pattern,)


def _could_begin(pattern: str, prefix: str) -> bool:
    for wanted, given in zip(pattern, prefix, strict=False):
        if wanted in "*%":
            return True
        if wanted != given:
            return False
    return True
