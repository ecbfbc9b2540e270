"""Faults inside a text of several lines (rules, filters), and where in the file the words of such a text stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what ends a line in YAML 1.1 section 4.2, which PyYAML reads
LONGEST = 64 * 1024  # characters of one text of rules


class Fault(NamedTuple):
    """One thing that is wrong in a text."""

    line: int  # from 1
    column: int  # from 1
    message: str


class WrongText(ValueError):
    """A text that cannot be used, with everything that is wrong in it; ``postroom check`` shows each fault at its place in the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(fault.message for fault in self.faults))

    @property
    def line(self) -> int:
        """The line of the first fault."""
        return self.faults[0].line

    @property
    def column(self) -> int:
        """The column of the first fault."""
        return self.faults[0].column


def lines_of(text: str) -> list[str]:
    """The lines of a text, without their ends."""
    return BREAK.split(text)


def rule_lines(text: str) -> list[tuple[int, int, str]]:
    """Line, column and words of each rule in a text: blank lines and ``#`` comments are left out. Raises WrongText for a huge text."""
    if len(text) > LONGEST:
        raise WrongText([Fault(1, 1, f"this text is too long, at most {LONGEST} characters are allowed")])
    found = []
    for number, line in enumerate(lines_of(text), start=1):
        words = line.strip()
        if words and not words.startswith("#"):
            found.append((number, len(line) - len(line.lstrip()) + 1, words))
    return found


def text_of_lines(value: object) -> str:
    """The text that is meant by a text, or by a list of lines. Raises WrongText; what is wrong with an item is told on its line."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if not isinstance(value, list | tuple):
        raise ValueError("a text is expected: lines below |, or a list of lines")  # noqa: TRY004 - pydantic reports ValueError
    items = [str(item) if isinstance(item, int | float) and not isinstance(item, bool) else item for item in value]
    wrong = [number for number, item in enumerate(items, start=1) if not isinstance(item, str) or len(lines_of(item)) > 1]
    if wrong:
        raise WrongText(Fault(number, 1, "a text of one line is expected") for number in wrong)
    return "\n".join(map(str, items))


@dataclass(frozen=True, slots=True)
class Written:
    """A text as it stands in a file."""

    file: str
    source: Sequence[str]  # the lines of the file
    line: int  # where it begins, from 1
    column: int
    style: str  # of YAML: "|" keeps its lines, "" has no quotes; "file" is a whole file
    value: str

    def place(self, fault: Fault) -> tuple[int, int] | None:
        """Line and column of a fault in the file; None when the text is written in a way that hides them (folded, or with escapes)."""
        values = lines_of(self.value)
        if self.style == "file":
            return fault.line, fault.column
        if not 0 < fault.line <= len(values):
            return None
        words = values[fault.line - 1]
        if self.style == "|":
            row = self.line + fault.line
            written = self.source[row - 1] if row <= len(self.source) else ""
            return (row, len(written) - len(words) + fault.column) if written.endswith(words) else None
        start = self.column - 1 + (self.style in {"'", '"'})
        together = len(values) == 1 and self.source[self.line - 1].startswith(words, start)
        return (self.line, start + fault.column) if together else None
