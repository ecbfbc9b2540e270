"""LAN forwarding rules: mail for some addresses goes to a named server; ordered, and the first rule that matches decides.

The addresses of a rule are lines: ``user@domain`` with ``*`` (anything) and ``?`` (one character), a bare user part (for all local
domains, where that is switched on), or ``~@domain``: the last resort, for addresses that no user, mapping, list or other rule knows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..config.places import Fault, WrongText, rule_lines
from ..mail.address import BadAddress, check_domain, parse_address, split
from ..mail.local_domains import LocalDomains, fold_address, fold_domain, fold_name
from .patterns import DOMAIN, LONGEST_PATTERN, Wildcard, check_domain_pattern
from .servers import LoginServer
from .targets import SmtpTarget

LAST = "~"
KEPT = "*@"  # begins a rewriting that keeps the user part

Kind = Literal["address", "bare", "last"]
Condition = Literal["all", "smtp", "local"]  # any mail; handed in by SMTP; sent by people of this house, or made by this server
ALL: tuple[Condition, ...] = ("all",)


@dataclass(frozen=True)
class Pattern:
    """One line of addresses."""

    line: int
    written: str
    kind: Kind
    wildcard: Wildcard  # of the whole address, of the user part, or of the domain

    def matches(self, name: str, domain: str) -> bool:
        """True for an address whose folded parts these are; whether the domain is a local one is for the caller to see."""
        if self.kind == "address":
            return self.wildcard.matches(f"{name}@{domain}")
        return self.wildcard.matches(name if self.kind == "bare" else domain)


@dataclass(frozen=True)
class Addresses:
    """The addresses of a rule."""

    patterns: tuple[Pattern, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Addresses:
        """The patterns of this text, one a line. Raises WrongText."""
        patterns: list[Pattern] = []
        faults: list[Fault] = []
        for line, column, words in rule_lines(text):
            try:
                patterns.append(_pattern(line, words))
            except ValueError as error:
                faults.append(Fault(line, column, str(error)))
        if faults:
            raise WrongText(faults)
        return cls(tuple(patterns))

    def __bool__(self) -> bool:
        """False when there is no address."""
        return bool(self.patterns)

    @cached_property
    def bare(self) -> tuple[str, ...]:
        """The user parts without a domain, which match only where that is switched on."""
        return tuple(pattern.written for pattern in self.patterns if pattern.kind == "bare")


def _pattern(line: int, words: str) -> Pattern:
    if len(words) > LONGEST_PATTERN:
        raise ValueError(f"an address has at most {LONGEST_PATTERN} characters")
    if not words.isprintable() or any(mark in words for mark in " ,;"):
        raise ValueError("one address a line is expected, with * for anything and ? for one character")
    if words.startswith(LAST):
        domain = words.removeprefix(LAST).removeprefix("@")
        if DOMAIN.fullmatch(domain) is None:
            raise ValueError("~@domain is expected for the last resort (those whom nothing else knows); ~@* is all local domains")
        return Pattern(line, words, "last", Wildcard(fold_domain(domain)))
    if "@" not in words:
        return Pattern(line, words, "bare", Wildcard(fold_name(words)))
    if words.startswith("@") or words.endswith("@"):
        raise ValueError("an address has a user part and a domain; *@domain is everybody there")
    check_domain_pattern(words)
    return Pattern(line, words, "address", Wildcard(fold_address(words)))


def parse_rewriting(text: str) -> str:
    """How an address is rewritten: ``*@new.example``, a whole address, or "" for unchanged. Raises ValueError."""
    text = text.strip()
    try:
        if not text:
            return ""
        if text.startswith(KEPT):
            return KEPT + check_domain(text.removeprefix(KEPT), utf8=True)
        return parse_address(text)
    except BadAddress:
        raise ValueError("*@domain (which keeps the user part) or a whole address is expected, or nothing for unchanged") from None


def rewritten(address: str, rewriting: str) -> str:
    """The address as the other server is to see it."""
    if rewriting.startswith(KEPT):
        return f"{split(address)[0]}@{rewriting.removeprefix(KEPT)}"
    return rewriting or address


@dataclass(frozen=True)
class LanRule:
    """One rule."""

    addresses: Addresses
    server: LoginServer
    rewrite: str = ""  # as ``parse_rewriting`` gives it
    name: str = ""
    comment: str = ""  # ``comment`` and ``extra`` are for scripts
    extra: str = ""
    condition: Condition = "all"


@dataclass(frozen=True)
class LanMatch:
    """The rule that decides for an address, and what follows."""

    rule: LanRule
    position: int  # of the rule in the list, from 0
    target: SmtpTarget  # with the rewritten address
    reason: str
    pattern: Pattern  # that matched

    @property
    def address(self) -> str:
        """The rewritten address."""
        return self.target.address

    @property
    def anybody(self) -> bool:
        """True when the pattern names no domain at all (``*@*``, ``~@*``), so that it would take the mail of all the world."""
        domain = self.pattern.written.rpartition("@")[2].removeprefix(LAST)
        return self.pattern.kind != "bare" and not domain.strip("*?.")


class LanRules:
    """The rules in their order."""

    def __init__(self, rules: Iterable[LanRule], local: LocalDomains, *, bare: bool = False) -> None:
        self.rules, self.local, self.bare = tuple(rules), local, bare

    def first(self, address: str, *, last_resort: bool = False, conditions: Collection[Condition] = ALL) -> LanMatch | None:
        """The first rule for an address, None without one; with ``last_resort`` only ``~@domain`` counts, without it all the others.

        ``conditions``: those that hold for the mail; rules with another one are passed over.
        """
        local, written = split(address)
        name, domain = fold_name(local), fold_domain(written) or self.local.default
        whole = address if written else f"{local}@{self.local.default}"
        for position, rule in enumerate(self.rules):
            for pattern in rule.addresses.patterns if rule.condition in conditions else ():
                if (pattern.kind == "last") is last_resort and pattern.matches(name, domain) and self._here(pattern, name, domain):
                    target = SmtpTarget(rewritten(whole, rule.rewrite), rule.server)
                    return LanMatch(rule, position, target, _reason(position, rule, pattern, target), pattern)
        return None

    def _here(self, pattern: Pattern, name: str, domain: str) -> bool:
        return pattern.kind != "bare" or (self.bare and self.local.covers(name, domain))


def _reason(position: int, rule: LanRule, pattern: Pattern, target: SmtpTarget) -> str:
    name = f" ({rule.name})" if rule.name else ""
    change = f" as {target.address}" if rule.rewrite else ""
    return f"LAN forwarding rule {position + 1}{name}, address {pattern.written}: to {rule.server.masked}{change}"
