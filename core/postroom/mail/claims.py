"""Takes our name from strangers: an Authentication-Results field that claims to be ours is no such field any more (RFC 8601 section 5).

How this works. The header of a message that arrives is looked at piece by piece, before it is kept. A field whose authserv-id is
one of our names gets another name of the same length: the size, the offsets and the length of lines stay what the peer sent, and an
administrator sees what was claimed. Nothing behind the header is looked at. A piece goes through at once but for its last bytes when
they may begin the end of the header or such a field; a field is held until it has ended, or until there is ``LIMIT`` of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .address import same_domain

NAME = b"authentication-results"
CLAIM = b"X-Authentication-Claim"  # just as long
LIMIT = 4096  # bytes of a field in which its authserv-id must be found

_BEGIN = b"\r\n"  # thought before the message: its first line is a line like the others
_DEPTH = 5  # of comments in comments
_LONGEST_ID = 253  # characters, RFC 1035 section 2.3.4: A-labels are never shorter

_FIELD = re.compile(rb"\n" + NAME + rb"[ \t]*+", re.IGNORECASE)  # RFC 5322 section 4.5: white space before the colon
_FIELD_END = re.compile(rb"\n(?![ \t]|\Z)")
_FOLD = re.compile(rb"\r?\n")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def _comment(depth: int) -> bytes:
    """RFC 5322 section 3.2.2 as a pattern that never goes back."""
    inner = rb"|" + _comment(depth - 1) if depth > 1 else b""
    return rb"\((?:[^()\\]++|\\." + inner + rb")*+\)"


# [CFWS] and a token or a quoted string (RFC 8601 section 2.2, RFC 2045 section 5.1)
_ID = re.compile(
    rb"(?:[ \t\r\n]++|" + _comment(_DEPTH) + rb')*+(?:"((?:[^"\\]++|\\.)*+)"|([^\x00-\x20\x7f()<>@,;:\\"/\[\]?=]++))', re.DOTALL
)


def authserv_id(value: bytes, *, cut: bool = False) -> str | None:
    """Whose results the value of an Authentication-Results field tells, in lower case without a last dot; None when it names nobody.

    ``cut``: this is the beginning of a longer value, so that a name at its very end may be a part of one, and is none.
    """
    found = _ID.match(value)
    if found is None or (cut and found.end() == len(value)):
        return None
    name = found[2] if found[1] is None else _QUOTED_PAIR.sub(rb"\1", _FOLD.sub(b"", found[1])).strip(b" \t")
    return name.decode("utf-8", "replace").lower().rstrip(".")


class ClaimFilter:
    """The header of one message on its way in."""

    __slots__ = ("_held", "_names", "_skip", "done", "renamed")

    def __init__(self, names: Iterable[str]) -> None:
        self.done = False  # the header is over: what comes now needs no ``feed``
        self.renamed = 0  # fields that named us
        self._names = names  # our authserv-ids in lower case, without a last dot
        self._held = _BEGIN
        self._skip = len(_BEGIN)  # of _held: no part of the message

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; returns what may be kept by now."""
        if self._held is _BEGIN:  # nearly always the first piece has the whole header, without the name
            end = data.find(b"\r\n\r\n")
            if end >= 0 and NAME not in data[:end].lower():
                self.done, self._held = True, b""
                return data
        return self._passed(data, last=False)

    def finish(self) -> bytes:
        """The message is over, perhaps within its header: returns what was held."""
        return self._passed(b"", last=True) if self._held else b""

    def _passed(self, data: bytes, *, last: bool) -> bytes:
        text = self._held + data
        end = _header_end(text)
        self.done = last or end >= 0
        out = bytearray(text)
        keep = self._rename(text, end if end >= 0 else len(text), out)
        if self.done:
            keep = len(text)
        skip, self._skip = self._skip, max(0, self._skip - keep)
        self._held = text[keep:]
        return bytes(out[skip:keep])

    def _rename(self, text: bytes, end: int, out: bytearray) -> int:
        """Rename in ``out`` the fields of ``text`` up to ``end`` that claim to be ours; returns where what is still open begins."""
        for field in _FIELD.finditer(text, 0, end):
            claims = self._claims_us(text, field, end)
            if claims is None:
                return field.start()
            if claims:
                start = field.start() + 1
                out[start : start + len(CLAIM)] = CLAIM
                self.renamed += 1
        return _open_line(text)

    def _claims_us(self, text: bytes, field: re.Match[bytes], end: int) -> bool | None:
        """Whether a field names us; None when more of it must come first."""
        colon, limit = field.end(), field.start() + LIMIT
        if colon < end and text[colon : colon + 1] != b":":
            return False
        stop = _FIELD_END.search(text, colon, min(end, limit))
        if stop is not None:
            return self._is_ours(authserv_id(text[colon + 1 : stop.start()]))
        if end < limit:
            if not self.done:
                return None
            return colon < end and self._is_ours(authserv_id(text[colon + 1 : end]))
        return self._is_ours(authserv_id(text[colon + 1 : limit], cut=True))

    def _is_ours(self, name: str | None) -> bool:
        """True also for a field that cannot be read: nobody's word is lost, and somebody else might read our name in it."""
        if name is None or name in self._names:
            return True
        return not name.isascii() and len(name) <= _LONGEST_ID and any(same_domain(name, one) for one in self._names)


def _header_end(text: bytes) -> int:
    """Where the empty line after the header begins (with the end of the line before it), or -1."""
    strict = text.find(b"\r\n\r\n")
    loose = text.find(b"\n\n", 0, strict if strict >= 0 else len(text))  # BINARYMIME may have it, and readers take it
    return loose if loose >= 0 else strict


def _open_line(text: bytes) -> int:
    """Where the bytes at the end of ``text`` begin that may become the empty line or the name of such a field."""
    newline = text.rfind(b"\n")
    line = text[newline + 1 :]
    if newline >= 0 and (line == b"\r" or NAME.startswith(line.lower())):
        return newline - (text[newline - 1 : newline] == b"\r")
    return len(text) - text.endswith(b"\r")
