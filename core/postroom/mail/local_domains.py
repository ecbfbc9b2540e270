"""Which addresses belong to this server: local domains, with wildcards and single addresses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from .address import BadAddress, domain_to_ascii, split

WILD = re.compile(r"[*?]")


def wildcard(pattern: str) -> re.Pattern[str]:
    """The pattern with ``*`` (anything) and ``?`` (one character) as a regular expression for a whole, folded string.

    Neighbouring stars are one, so that a pattern cannot make the match slow without need.
    """
    parts = re.findall(r"\*+|\?|[^*?]+", pattern)
    return re.compile("".join(".*" if part[0] == "*" else "." if part == "?" else re.escape(part) for part in parts), re.DOTALL)


def fold_name(name: str) -> str:
    """A local part as it is compared: lower case, and one spelling of composed characters."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name.lower())


def fold_domain(domain: str) -> str:
    """A domain or domain pattern as it is compared: A-labels in lower case; never raises."""
    if domain.isascii():
        return domain.lower()
    try:
        return ".".join(label.lower() if WILD.search(label) else domain_to_ascii(label) for label in domain.split("."))
    except BadAddress:
        return domain.lower()


def fold_address(address: str) -> str:
    """A name, address or pattern as it is compared."""
    local, domain = split(address)
    return f"{fold_name(local)}@{fold_domain(domain)}" if domain else fold_name(address)


class LocalDomains:
    """The setting ``domains`` made ready: one dictionary look-up for a plain domain, patterns only for the rest."""

    def __init__(self, default: str, local: Iterable[str]) -> None:
        self.default = fold_domain(default)
        entries = [fold_address(entry) if "@" in entry else fold_domain(entry) for entry in local]
        self._plain = frozenset(entry for entry in entries if not WILD.search(entry))
        self._wild = tuple(wildcard(entry) for entry in entries if WILD.search(entry) and "@" not in entry)
        self._wild_addresses = tuple(wildcard(entry) for entry in entries if WILD.search(entry) and "@" in entry)

    def covers(self, name: str, domain: str) -> bool:
        """True when mail for this address is ours; both parts are folded."""
        if domain in self._plain or f"{name}@{domain}" in self._plain:
            return True
        if any(pattern.fullmatch(domain) for pattern in self._wild):
            return True
        return any(pattern.fullmatch(f"{name}@{domain}") for pattern in self._wild_addresses)

    def has(self, address: str) -> bool:
        """True when mail for this address, as somebody wrote it, is ours."""
        local, domain = split(address)
        return self.covers(fold_name(local), fold_domain(domain))

    def identity(self, text: str) -> str:
        """The name of a local address, else the folded address: by this, senders and assistants are compared."""
        local, domain = split(text)
        name, domain = fold_name(local), fold_domain(domain) or self.default
        return name if self.covers(name, domain) else f"{name}@{domain}"
