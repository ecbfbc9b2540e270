"""One SMTP reply: code, enhanced code and text (RFC 5321 section 4.2, RFC 3463)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Reply:
    """What a server answers; ``bytes(reply)`` is its wire form, one line for each line of ``text``."""

    code: int
    enhanced: str  # "5.7.1"; empty where RFC 2034 wants none (greeting, EHLO, 3xx)
    text: str

    @property
    def permanent(self) -> bool:
        """True for a 5xx code: trying again is pointless."""
        return self.code >= 500

    @property
    def temporary(self) -> bool:
        """True for a 4xx code."""
        return 400 <= self.code < 500

    @property
    def final(self) -> bool:
        """For one who sends: True when trying again is pointless. The enhanced code says so where it differs (RFC 3463 section 2)."""
        return self.enhanced[0] == "5" if self.code >= 400 and self.enhanced[:1] in ("4", "5") else self.permanent

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, " ".join(self.text.splitlines())) if part)

    @cached_property
    def wire(self) -> bytes:
        """The reply as sent, CRLF included; a line never carries CR or LF of its own."""
        lines = self.text.splitlines() or [""]
        prefix = f"{self.enhanced} " if self.enhanced else ""
        marks = ["-"] * (len(lines) - 1) + [" "]
        return b"".join(
            f"{self.code}{mark}{prefix}{line}".rstrip().encode("utf-8", "replace") + b"\r\n"
            for mark, line in zip(marks, lines, strict=True)
        )

    def __bytes__(self) -> bytes:
        return self.wire
