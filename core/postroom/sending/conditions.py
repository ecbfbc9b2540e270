"""Conditions on one recipient of one message: numbers, addresses, header fields. Used by the domain filters of senders."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from .patterns import AddressPattern, Regex, Wildcard

Headers = Mapping[str, Sequence[str]]  # values by the name of the field in lower case, unfolded

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
}
NumberField = Literal["size", "age", "priority", "recipients"]
TextField = Literal["sender", "recipient", "user"]
MOST_VALUES = 20  # of header fields of one name that are looked at


@dataclass(frozen=True)
class Candidate:
    """One recipient of one message, as far as a rule may ask about it."""

    sender: str  # "" is the null sender
    recipient: str
    size: int = 0  # bytes
    user: str = ""  # who sent it, "" when nobody logged in
    age: float = 0.0  # seconds since it was queued
    priority: int = 50  # 100 goes first, 1 last
    recipients: int = 1  # of the message
    headers: Headers | Callable[[], Headers] = field(default_factory=dict)  # a callable is asked once, and only when a rule needs it

    @cached_property
    def fields(self) -> Headers:
        """The header fields."""
        return self.headers() if callable(self.headers) else self.headers


@dataclass(frozen=True)
class Always:
    """``All``, and ``None``, which never holds."""

    value: bool
    needs = ""

    def holds(self, candidate: Candidate) -> bool:
        """The value, whatever the message is."""
        return self.value


@dataclass(frozen=True)
class Number:
    """``Size>1MB``: a number is compared."""

    needs: NumberField
    comparison: str
    value: float

    def holds(self, candidate: Candidate) -> bool:
        """True when the comparison is true."""
        return COMPARISONS[self.comparison](getattr(candidate, self.needs), self.value)


@dataclass(frozen=True)
class Address:
    """``Sender:*@example.com`` or ``Sender~/regex/``."""

    needs: TextField
    pattern: AddressPattern | Wildcard | Regex

    def holds(self, candidate: Candidate) -> bool:
        """True when the pattern matches. Names of users are compared in lower case."""
        value: str = getattr(candidate, self.needs)
        return self.pattern.matches(value.lower() if isinstance(self.pattern, Wildcard) else value)


@dataclass(frozen=True)
class Header:
    """``Header:X-Bulk``, ``Header:X-Bulk:yes`` or ``Header:X-Bulk~/regex/``; one of several fields of the name is enough."""

    name: str  # in lower case
    pattern: Wildcard | Regex | None  # None: that it is there is enough
    needs = "headers"

    def holds(self, candidate: Candidate) -> bool:
        """True when a field of this name matches."""
        values = candidate.fields.get(self.name, ())[:MOST_VALUES]
        if self.pattern is None:
            return bool(values)
        folded = isinstance(self.pattern, Wildcard)
        return any(self.pattern.matches(value.strip().lower() if folded else value.strip()) for value in values)


@dataclass(frozen=True)
class Not:
    """``!Recipient:*.example.com``: the other way round."""

    condition: Condition

    @property
    def needs(self) -> str:
        """What the condition asks about."""
        return self.condition.needs

    def holds(self, candidate: Candidate) -> bool:
        """True when the condition does not hold."""
        return not self.condition.holds(candidate)


Condition = Always | Number | Address | Header | Not
