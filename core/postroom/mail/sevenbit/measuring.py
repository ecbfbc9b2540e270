"""What there is in a stretch of a message that decides how it can be sent as 7-bit text."""

from __future__ import annotations

import codecs
from collections.abc import Iterable

from .encodings import HIGH, LONGEST_QUOTED

LONGEST = 998  # octets of a line without its CRLF (RFC 5321 section 4.5.3.1.6)
ESCAPED = HIGH + bytes(octet for octet in range(32) if octet not in b"\t\r\n") + b"=\x7f"  # what quoted-printable writes as =XX


class Measure:
    """Of all ``pieces`` of one region. ``text``: find out whether it is UTF-8."""

    def __init__(self, pieces: Iterable[bytes], *, text: bool = False) -> None:
        self.size = 0
        self.escaped = 0  # bytes that quoted-printable makes three of
        self.ascii = True
        self.nul = False
        self.longest = 0  # bytes of a line, at least; exactly where lines are short
        self.utf8 = text
        self._ends = self._pairs = 0  # CR and LF; CRLF
        self._run = 0
        self._after_cr = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        for piece in pieces:
            self._add(piece)
        self.longest = max(self.longest, self._run)  # the last line needs no end
        if self.utf8:
            self._decode(b"", final=True)

    @property
    def bare(self) -> bool:
        """True when there is a CR or LF that does not belong to a CRLF."""
        return self._ends != 2 * self._pairs

    @property
    def plain(self) -> bool:
        """True for 7bit data in the sense of RFC 2045 section 2.7."""
        return self.ascii and not (self.nul or self.bare or self.longest > LONGEST)

    def encoding(self, *, readable: bool) -> bytes:
        """The transfer encoding that is shorter, or the only one that brings every byte over. ``readable``: rather quoted-printable."""
        in_quotes = self.size + 2 * self.escaped
        lines = in_quotes + in_quotes // 25  # about a soft line break for each 75 characters
        binary = self.bare or self.longest > LONGEST_QUOTED
        return b"base64" if binary or (lines > self.size * 78 // 57 and not readable) else b"quoted-printable"

    def _add(self, piece: bytes) -> None:
        self.size += len(piece)
        if not piece.isascii():
            self.ascii = False
        self.escaped += len(piece) - len(piece.translate(None, ESCAPED))
        self.nul = self.nul or b"\0" in piece
        self._ends += piece.count(b"\r") + piece.count(b"\n")
        self._pairs += piece.count(b"\r\n") + (self._after_cr and piece.startswith(b"\n"))
        self._after_cr = piece.endswith(b"\r")
        self._measure_lines(piece)
        if self.utf8:
            self._decode(piece)

    def _measure_lines(self, piece: bytes) -> None:
        """Goes from line end to line end in steps as long as a line may be: one look at each of a thousand bytes."""
        start = -self._run  # where the line begins, from the start of this piece
        while start < len(piece):
            found = piece.rfind(b"\n", max(start, 0), max(start + LONGEST + 2, 0))
            if found < 0 and start + LONGEST + 2 <= len(piece):  # too long: how long?
                found = piece.find(b"\n", max(start, 0))
                self.longest = max(self.longest, (found if found >= 0 else len(piece)) - start)
            if found < 0:
                break
            start = found + 1
        self._run = len(piece) - start

    def _decode(self, piece: bytes, *, final: bool = False) -> None:
        try:
            self._decoder.decode(piece, final)
        except UnicodeDecodeError:
            self.utf8 = False
