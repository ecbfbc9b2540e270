"""What is looked for: a string, and what the words of a text must be like for the string to stand in it. No I/O."""

from __future__ import annotations

import re

from postroom.mail.folding import fold
from postroom.mail.wording import clean

from .words import WORD


class Needle:
    """A string to be found anywhere in a text, case ignored."""

    __slots__ = ("data", "exact", "hints", "text")

    def __init__(self, text: str) -> None:
        self.text = fold(clean(text))  # as texts are kept
        self.data = self.text.encode("utf-8", "replace")
        runs = [(run.start(), run.end()) for run in WORD.finditer(self.text)]
        self.exact = runs == [(0, len(self.text))]  # it stands in a word or nowhere
        self.hints = [self._line(start, end) for start, end in runs]  # lines, or parts of them, that a text's words must have

    def _line(self, start: int, end: int) -> bytes:
        """A run of word characters: it begins a word unless it begins the string, and ends one unless it ends the string."""
        before = "\n" if start else ""
        behind = "\n" if end < len(self.text) else ""
        return f"{before}{self.text[start:end]}{behind}".encode("utf-8", "replace")

    def field(self, name: str) -> re.Pattern[bytes]:
        """Finds it in the field ``name`` of a header as ``head`` has written it."""
        return re.compile(rb"\n%s:[^\n\0]*?%s" % (re.escape(name.upper().encode("utf-8", "replace")), re.escape(self.data)))


def head(header: str, mime: str) -> str:
    """The fields of a message and of its parts as one text, such that ``field`` finds only the first."""
    return "\n" + header + "".join(f"\x01{line}\n" for line in mime.splitlines())
