"""DNS overrides: for some domains, mail goes to servers that lines of a text name, as if they were the domain's MX records.

All lines that hold for a message apply; when none holds, the DNS is asked. How a line is written: ``override_syntax.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..config.places import Fault, WrongText, rule_lines
from ..mail.sending import MxServer
from .override_syntax import Line, Question, read_line

__all__ = ["Overrides", "Question"]


@dataclass(frozen=True)
class Overrides:
    """A parsed text."""

    lines: tuple[Line, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Overrides:
        """The overrides of this text. Raises WrongText with every fault, which never shows a password."""
        lines: list[Line] = []
        faults: list[Fault] = []
        for number, column, words in rule_lines(text):
            try:
                lines.append(read_line(number, column, words))
            except WrongText as error:
                faults += error.faults
        if faults:
            raise WrongText(faults)
        return cls(tuple(lines))

    def __bool__(self) -> bool:
        """False when there is no line."""
        return bool(self.lines)

    def matching(self, question: Question) -> Iterator[Line]:
        """The lines that hold, in their order, up to one with ``$end``."""
        for line in self.lines:
            if line.holds(question):
                yield line
                if line.end:
                    return

    def for_domain(self, question: Question) -> tuple[MxServer, ...] | None:
        """The servers, those to try first in front; None when no line holds and the DNS is to be asked."""
        found = dict.fromkeys(line.mx for line in self.matching(question))
        return tuple(sorted(found, key=lambda server: server.preference)) or None

    def explain(self, question: Question) -> list[str]:
        """A sentence for each line about the domain, with what is missing where it does not hold; and one when none holds."""
        words = []
        for line in filter(lambda one: one.concerns(question.domain), self.lines):
            unmet = line.unmet(question)
            words.append(f"{line} does not hold: {', '.join(unmet)}" if unmet else str(line))
            if not unmet and line.end:
                break
        return words if self.for_domain(question) else [*words, f"no override holds for {question.domain}: the DNS is asked"]
