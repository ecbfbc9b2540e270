"""Character sets of text parts, by the names that mail uses: bytes to text, piece by piece, never raising."""

from __future__ import annotations

import codecs
from functools import lru_cache

# What is labelled so is in practice the larger set: the readers that people use show it so, and so it is searched.
_REALLY = {
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
}
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "ascii"})
GUESS = "guess"
Decoder = codecs.IncrementalDecoder


class Guess(codecs.IncrementalDecoder):
    """UTF-8 until something is not; from there on Windows-1252: for text without a usable label."""

    def __init__(self) -> None:
        super().__init__("replace")
        self._utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()

    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        """The next piece as text."""
        if self._utf8 is None:
            return data.decode("cp1252", "replace")
        pending = self._utf8.getstate()[0]
        try:
            return self._utf8.decode(data, final)
        except UnicodeDecodeError:
            self._utf8 = None
            return (pending + data).decode("cp1252", "replace")


def decoder(charset: bytes | None) -> codecs.IncrementalDecoder:
    """What decodes text in this character set (as a parameter names it); a guess when it is missing or not known."""
    name = _codec(charset or b"")
    return Guess() if name == GUESS else codecs.getincrementaldecoder(name)("replace")


@lru_cache(maxsize=256)
def _codec(charset: bytes) -> str:
    try:
        found = codecs.lookup(charset.decode("ascii").strip())
        known = _REALLY.get(found.name, found.name)
        if known in _NOT_CHARSETS or not isinstance(codecs.getincrementaldecoder(known)().decode(b""), str):
            return GUESS
    except (LookupError, ValueError, TypeError):  # not known, a name that no codec can have, a codec that does not give text
        return GUESS
    return known
