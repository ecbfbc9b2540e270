"""Encoded words (RFC 2047), and fields that are folded anew because they have grown by them."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator

UNKNOWN = b"unknown-8bit"  # RFC 1428 section 3: it is not known which charset that is
WIDTH = 76

_FOLD = re.compile(rb"\r?\n(?=[ \t])")


def encoded_words(text: bytes, used: int = 1) -> bytes:
    """The text in encoded words, folded; ``used``: characters before them on their line."""
    charset = charset_of(text)
    spare = len(charset) + 7  # of each word
    room = max((WIDTH - 1 - used - spare) // 4 * 3, 9)
    words, position = [], 0
    while position < len(text):
        end = _end(text, position + room) if charset == b"utf-8" else position + room
        words.append(b"=?%b?B?%b?=" % (charset, binascii.b2a_base64(text[position:end], newline=False)))
        position, room = end, (WIDTH - 2 - spare) // 4 * 3
    return b"\r\n ".join(words)


def charset_of(text: bytes) -> bytes:
    """``utf-8`` for what is that, else ``unknown-8bit``."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return UNKNOWN
    return b"utf-8"


def unfolded(value: bytes) -> bytes:
    """The value on one line; its white space stays."""
    return _FOLD.sub(b"", value)


def folded(pieces: Iterable[tuple[bytes, bool]], used: int) -> Iterator[bytes]:
    """The pieces of a value, with folds between them behind the first that is encoded (the second of each pair), where lines get too long.

    ``used``: characters before them on their line.
    """
    column, grown = used, False
    for piece, encoded in pieces:
        grown = grown or encoded
        first = piece.partition(b"\r\n")[0]
        if grown and first.strip() and column + len(first) > WIDTH:
            column = 0
            yield b"\r\n" if piece[:1] in {b" ", b"\t"} else b"\r\n "
        yield piece
        column = len(piece) - piece.rfind(b"\n") - 1 if b"\n" in piece else column + len(piece)


def _end(text: bytes, end: int) -> int:
    """``end``, or a little before: no character is parted (RFC 2047 section 5)."""
    while end < len(text) and text[end] & 0xC0 == 0x80:
        end -= 1
    return end
