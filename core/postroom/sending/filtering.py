"""Domain filtering: which queued mail a sender takes, in the two languages that VPOP3 has for it.

A text is lines of rules; blank lines and lines that begin with ``#`` are nothing; words and wildcards are compared without regard to case.
An empty text takes everything. Which language a text is in, its first rule decides; the two cannot be mixed.

The newer language:

    rule = ( "Attempt:" / "Skip:" ) conditions        ; all conditions must hold; see condition_syntax.py

The first rule that holds decides. Mail for which none holds is taken when there is no ``Attempt:`` rule, and left when there is one.

The older language:

    rule = ["!"] ( "From:" wildcard / wildcard )      ; of the sender's address, of the recipient's domain or address

A recipient is taken when any rule for senders and any rule for recipients match; a kind of which there are no rules does not count.
What a rule with ``!`` matches is never taken; when a kind has only such rules, it takes all the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from ..config.places import Fault, WrongText, rule_lines
from ..config.wording import nearest
from .condition_syntax import Reader, WrongCondition, read_conditions
from .conditions import Candidate, Condition, Header, Not
from .patterns import AddressPattern, BadPattern

__all__ = ["Candidate", "Choice", "Filter"]

NEWER = re.compile(r"(attempt|skip)\s*:", re.IGNORECASE)
OLDER = re.compile(r"(?P<no>!?)\s*(?:(?P<word>[A-Za-z-]+)\s*:)?\s*(?P<pattern>.*)")
LONGEST_REASON = 200  # characters of a rule that are told


class Choice(NamedTuple):
    """Whether a sender takes a recipient, and which rule says so."""

    taken: bool
    reason: str


@dataclass(frozen=True)
class Rule:
    """A line of the newer language."""

    line: int
    written: str
    attempt: bool
    conditions: tuple[Condition, ...]  # those that need the header last

    def holds(self, candidate: Candidate) -> bool:
        """True when all conditions hold."""
        return all(condition.holds(candidate) for condition in self.conditions)

    @property
    def needs(self) -> set[str]:
        """The facts that the conditions ask about."""
        return {condition.needs for condition in self.conditions} - {""}


@dataclass(frozen=True)
class OldRule:
    """A line of the older language."""

    line: int
    written: str
    takes: bool  # False: it began with "!"
    fact: Literal["sender", "recipient"]
    pattern: AddressPattern

    def holds(self, candidate: Candidate) -> bool:
        """True when the pattern matches, whatever follows from that."""
        return self.pattern.matches(getattr(candidate, self.fact))

    @property
    def needs(self) -> set[str]:
        """The address that it looks at."""
        return {self.fact}


@dataclass(frozen=True)
class Filter:
    """A parsed text; two with the same rules are equal."""

    rules: tuple[Rule, ...] = ()
    old_rules: tuple[OldRule, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Filter:
        """The filter of this text. Raises WrongText with every fault."""
        lines = rule_lines(text)
        faults: list[Fault] = []
        newer = bool(lines) and NEWER.match(lines[0][2]) is not None
        rules: list[Rule | OldRule] = []
        for line, column, words in lines:
            try:
                rules.append(_read(line, column, words, newer, lines[0][0]))
            except WrongCondition as error:
                faults.append(error.fault)
        if faults:
            raise WrongText(faults)
        return cls(tuple(rule for rule in rules if isinstance(rule, Rule)), tuple(rule for rule in rules if isinstance(rule, OldRule)))

    def __bool__(self) -> bool:
        """False for a filter without rules, which takes everything."""
        return bool(self.rules or self.old_rules)

    @cached_property
    def needs(self) -> frozenset[str]:
        """The facts that some rule asks about, by the names of Candidate's fields."""
        every: tuple[Rule | OldRule, ...] = (*self.rules, *self.old_rules)
        return frozenset(fact for rule in every for fact in rule.needs)

    @cached_property
    def header_names(self) -> frozenset[str]:
        """The header fields that some rule asks about, in lower case."""
        plain = (each.condition if isinstance(each, Not) else each for rule in self.rules for each in rule.conditions)
        return frozenset(condition.name for condition in plain if isinstance(condition, Header))

    def takes(self, candidate: Candidate) -> Choice:
        """Whether the sender takes this recipient."""
        return self._older(candidate) if self.old_rules else self._newer(candidate)

    def _newer(self, candidate: Candidate) -> Choice:
        for rule in self.rules:
            if rule.holds(candidate):
                return Choice(rule.attempt, _reason(rule))
        if not self.rules:
            return Choice(True, "there is no filter")
        if any(rule.attempt for rule in self.rules):
            return Choice(False, "no line of the filter holds, and it has Attempt: lines")
        return Choice(True, "no Skip: line of the filter holds")

    def _older(self, candidate: Candidate) -> Choice:
        matching = [rule for rule in self.old_rules if rule.holds(candidate)]
        refusing = next((rule for rule in matching if not rule.takes), None)
        if refusing:
            return Choice(False, _reason(refusing))
        for fact in ("sender", "recipient"):
            wanted = any(rule.takes for rule in self.old_rules if rule.fact == fact)
            if wanted and not any(rule.fact == fact for rule in matching):
                return Choice(False, f"no line of the filter matches the {fact}")
        return Choice(True, " and ".join(map(_reason, matching[:2])) or "no line of the filter speaks against it")


def _reason(rule: Rule | OldRule) -> str:
    return f"line {rule.line}: {rule.written[:LONGEST_REASON]}"


def _read(line: int, column: int, words: str, newer: bool, first: int) -> Rule | OldRule:
    reader = Reader(words, line, column)
    found = NEWER.match(words)
    if newer and found is None:
        head = re.match(r"([A-Za-z]+)\s*:?", words)
        hint = nearest(head[1].capitalize(), ("Attempt", "Skip")) if head and head[1].lower() != "from" else ""
        raise reader.wrong(f"a rule begins with Attempt: or Skip: here, as line {first} does{hint if 'did you' in hint else ''}")
    if found is None:
        return _read_old(reader, words)
    if not newer:
        raise reader.wrong(f"line {first} is a rule of the older kind (From: or a domain); {found[0]} cannot be mixed with those")
    reader.at = found.end()
    conditions = sorted(read_conditions(reader), key=lambda condition: condition.needs == "headers")
    return Rule(line, words, found[1].lower() == "attempt", tuple(conditions))


def _read_old(reader: Reader, words: str) -> OldRule:
    found = OLDER.fullmatch(words)
    assert found is not None  # every line is of this form
    word = found["word"]
    if word is not None and word.lower() != "from":
        raise reader.wrong(f"{word}: is no kind of rule{nearest(word.capitalize(), ('From', 'Attempt', 'Skip'))}", found.start("word"))
    try:
        pattern = AddressPattern.parse(found["pattern"])
    except BadPattern as error:
        raise reader.wrong(str(error), found.start("pattern") + error.offset) from None
    return OldRule(reader.line, words, not found["no"], "recipient" if word is None else "sender", pattern)
