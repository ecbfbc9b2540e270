"""Mappings (aliases) in the order of their strength: exact, wildcard, and the catch-all ``~@domain``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from re import Pattern

from postroom.mail.local_domains import WILD, fold_address, wildcard


@dataclass(frozen=True, slots=True)
class Match:
    """One mapping that applies to an address."""

    pattern: str  # as compared: folded
    targets: tuple[str, ...]


class Mappings:
    """All mappings of one snapshot, made ready once: look-ups for exact ones, compiled patterns for the others."""

    def __init__(self, mappings: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        self._exact: dict[str, tuple[str, ...]] = {}
        self._wild: list[tuple[Pattern[str], Match]] = []
        self._catching: list[tuple[Pattern[str], Match]] = []
        for written, targets in mappings:
            pattern = fold_address(written.strip())
            if pattern.startswith("~"):
                domain = pattern[1:].removeprefix("@") or "*"
                self._catching.append((wildcard(domain), Match(pattern, targets)))
            elif WILD.search(pattern):
                self._wild.append((wildcard(pattern), Match(pattern, targets)))
            else:
                self._exact[pattern] = self._exact.get(pattern, ()) + targets

    def matching(self, name: str, domain: str) -> list[Match]:
        """Every mapping for the folded address, the exact ones first; a mapping without a domain holds for all local domains."""
        # A quoted local part may hold an @: it is never looked up as if it were a whole address.
        keys = (f"{name}@{domain}",) if "@" in name else (name, f"{name}@{domain}")
        found = [Match(key, self._exact[key]) for key in keys if key in self._exact]
        for pattern, match in self._wild:
            if pattern.fullmatch(keys[-1] if "@" in match.pattern else name):
                found.append(match)
        return found

    def catching(self, domain: str) -> list[Match]:
        """The catch-all mappings of the folded domain, for an address that nothing else matches."""
        return [match for pattern, match in self._catching if pattern.fullmatch(domain)]
