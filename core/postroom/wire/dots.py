"""Dot-stuffed text, the body of DATA and of POP3's multi-line answers (RFC 5321 4.5.2, RFC 1939 section 3).

How this works. Where one server takes "LF . LF" for the end and the next does not, a stranger can hide a second message
in the first ("SMTP smuggling"). So here exactly one thing ends a message: CRLF "." CRLF. A lone CR, a lone LF or a NUL
anywhere is a fault of the whole message; reading goes on to the true end, so that the connection stays in step.

Each fed piece is joined to the few bytes held back from the last one (those that may begin CRLF.CRLF), so no decision
ever looks across a border, and it is treated by whole-buffer searches instead of line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

END = b"\r\n.\r\n"
PREFIXES = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")  # what may be held back, the longest first
LAST_HELD = (b"\r", b"\n", b".")
NO_LINE_ENDS = bytes(octet for octet in range(256) if octet not in b"\r\n\0")
FIRST_FAULT = re.compile(rb"\0|\r(?!\n)|(?<!\r)\n")
FAULTS = {b"\0": "nul", b"\r": "bare-cr", b"\n": "bare-lf"}


class DotReader:
    """Takes stuffed bytes in pieces of any size and gives the decoded text back."""

    __slots__ = ("_held", "_skip", "done", "fault", "rest")

    def __init__(self) -> None:
        self.done = False  # CRLF.CRLF has come
        self.rest = b""  # what came after it
        self.fault: str | None = None  # "nul", "bare-cr", "bare-lf": the first one in the text; no more text is given out
        self._held = b"\r\n"  # a message that is a single dot ends as if a line had gone before
        self._skip = 2  # of _held: not part of the text

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; returns the text that they complete, in pieces. Must not be called once ``done``."""
        text = self._held + data
        stuffed = -1
        if b"." in text and (stuffed := text.find(b"\r\n.")) >= 0 and (end := text.find(END, stuffed)) >= 0:
            self.done, self.rest, self._held = True, text[end + 5 :], b""
            text = text[: end + 2]
        elif text[-1:] in LAST_HELD:
            self._held = next((prefix for prefix in PREFIXES if text.endswith(prefix)), b"")
            text = text[: len(text) - len(self._held)]
        else:
            self._held = b""
        return self._decoded(text, stuffed >= 0)

    def _decoded(self, text: bytes, stuffed: bool) -> list[bytes]:
        """``text`` (never parted within a CRLF) checked and without its stuffing; nothing once there is a fault."""
        if self.fault is not None:
            return []
        if text.count(b"\r\n") * 2 != len(text.translate(None, NO_LINE_ENDS)):  # all CR, LF, NUL are those of CRLFs
            self.fault = FAULTS[FIRST_FAULT.search(text)[0]]  # type: ignore[index]  # there is one, it was counted
            return []
        if stuffed:
            text = text.replace(b"\r\n.", b"\r\n")
        if text and self._skip:
            text, self._skip = text[self._skip :], 0
        return [text] if text else []


def stuff(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """``chunks`` (parted anywhere) with leading dots doubled and the end mark added; a missing last CRLF is added."""
    tail = b"\r\n"
    for chunk in chunks:
        if chunk:
            joined = tail + chunk
            yield joined.replace(b"\r\n.", b"\r\n..")[len(tail) :]
            tail = joined[-2:]
    yield b".\r\n" if tail == b"\r\n" else END
