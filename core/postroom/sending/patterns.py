"""Patterns that administrators write and strangers' text is compared with: wildcards and regular expressions, in linear time.

Python's own ``re`` goes back and forth, and with an unlucky pattern needs hours for one address. The matcher that pydantic brings
along for its settings does not: its time grows with pattern times text whatever they are. Its price: no look-around and no back-references.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from pydantic_core import SchemaError, SchemaValidator, core_schema

from ..mail.address import split
from ..mail.local_domains import fold_address, fold_domain, fold_name

LONGEST_TEXT = 2000  # characters of an address or a header field that are looked at
LONGEST_PATTERN = 500  # characters
DOMAIN = re.compile(r"[\w.*?-]+|\[[\w.:*?-]*\]")  # of letters in any script, with wildcards, or an address such as [192.0.2.1]
PARTS = re.compile(r"\*+|\?|[^*?]+")
DIAGRAM = re.compile(r"error:\n    (?P<pattern>.*)\n(?P<caret> *)\^.*\nerror: (?P<reason>.*)", re.DOTALL)


class BadPattern(ValueError):
    """A pattern that cannot be used; ``offset`` is where in it the fault is, from 0."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True)
class Regex:
    """A regular expression that is searched for. Raises BadPattern."""

    pattern: str
    _find: SchemaValidator = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.pattern) > LONGEST_PATTERN:
            raise BadPattern(f"this pattern is too long, at most {LONGEST_PATTERN} characters are allowed")
        if not self.pattern.isprintable():
            raise BadPattern("a pattern is printable text")
        try:
            found = SchemaValidator(core_schema.str_schema(pattern=self.pattern))
        except SchemaError as error:
            raise _refused(str(error)) from None
        object.__setattr__(self, "_find", found)

    def matches(self, text: str) -> bool:
        """True when the pattern occurs in the text."""
        return self._find.isinstance_python(_bounded(text))


def _bounded(text: str) -> str:
    return text[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")  # lone surrogates stand for bytes that are no text


def _refused(report: str) -> BadPattern:
    """The matcher's own words with the place that it points at."""
    told = DIAGRAM.search(report)
    if told is None:
        return BadPattern("this regular expression needs too much memory: repeat less")
    return BadPattern(f"this is no regular expression: {told['reason'].strip()}", max(len(told["caret"]) - 4, 0))


@dataclass(frozen=True)
class Wildcard:
    """A text with ``*`` (anything) and ``?`` (one character), compared with a whole text. Raises BadPattern."""

    pattern: str  # as compared: folded

    def __post_init__(self) -> None:
        if len(self.pattern) > LONGEST_PATTERN:
            raise BadPattern(f"this pattern is too long, at most {LONGEST_PATTERN} characters are allowed")

    @property
    def plain(self) -> bool:
        """True when there is nothing wild in it."""
        return "*" not in self.pattern and "?" not in self.pattern

    @cached_property
    def _regex(self) -> SchemaValidator:
        pieces = (".*" if part[0] == "*" else "." if part == "?" else _quoted(part) for part in PARTS.findall(self.pattern))
        return SchemaValidator(core_schema.str_schema(pattern=rf"(?s)\A{''.join(pieces)}\z"))

    def matches(self, folded: str) -> bool:
        """True when the whole text is of this form."""
        if self.plain:
            return folded == self.pattern
        return self._regex.isinstance_python(_bounded(folded))


def _quoted(text: str) -> str:
    return "".join(character if character.isalnum() else f"\\x{{{ord(character):x}}}" for character in text)


def check_domain_pattern(text: str) -> None:
    """Raises BadPattern when what is behind the @ (or all, when there is none) can be no domain, or when there is one @ too many."""
    local, at, domain = text.rpartition("@")
    if "@" in local and not local.startswith('"'):
        raise BadPattern("an address has one @", len(local))
    if DOMAIN.fullmatch(domain) is None:
        raise BadPattern("an address or domain is expected, with * for anything and ? for one character", len(local + at))


@dataclass(frozen=True)
class AddressPattern:
    """A wildcard for addresses. Without an @ it is compared with the domain; ``*`` is anything, ``<>`` the null sender."""

    written: str
    wildcard: Wildcard

    @classmethod
    def parse(cls, text: str) -> AddressPattern:
        """The pattern of this text. Raises BadPattern."""
        if not text or not text.isprintable() or any(mark in text for mark in " ,;"):
            raise BadPattern("an address or domain is expected, with * for anything and ? for one character")
        if text == "<>":
            return cls(text, Wildcard(""))
        if text.endswith("@"):
            raise BadPattern("an address has a domain after the @; *@* is any address", len(text) - 1)
        check_domain_pattern(text)
        if "@" not in text:
            return cls(text, Wildcard(fold_domain(text)))
        return cls(text, Wildcard(fold_address(text)))

    def matches(self, address: str) -> bool:
        """True when an address, as somebody wrote it, is of this form."""
        if self.written == "*":
            return True
        if self.written == "<>":
            return not address
        local, domain = split(address)
        if not domain:  # the null sender
            return False
        if "@" not in self.written:
            return self.wildcard.matches(fold_domain(domain))
        return self.wildcard.matches(f"{fold_name(local)}@{fold_domain(domain)}")
