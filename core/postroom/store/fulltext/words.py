"""The words of the texts of one volume, and which texts have each: made once, then only searched. No I/O.

How this works. ``Words`` is two values. The first: how many words there are, where each begins, and all of them as lines, those that
most texts have first. The second: where the texts of each word end, and for each word its texts, as a list of 16-bit numbers or, where
that is shorter, as one bit for each text. A string without separators is in a text exactly when it is in one of the text's words, so it
is looked for in the lines, and the texts of all lines that have it are united. Sets of texts are integers, one bit for each text.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence

WORD = re.compile(r"[\w\u0300-\u036f]+")  # letters, digits, and the accents that folding takes off their letters


def build(texts: Sequence[str]) -> tuple[bytes, bytes]:
    """The two values for these texts, which are known by their position from here on."""
    having: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        for word in set(WORD.findall(text)):
            numbers = having.get(word)
            if numbers is None:
                having[word] = [number]
            else:
                numbers.append(number)
    ordered = sorted(having, key=lambda word: (-len(having[word]), word))  # the common ones first: they end a search early
    lines = [word.encode("utf-8", "replace") for word in ordered]
    starts = _running(1, (len(line) + 1 for line in lines))
    sets = [_packed(having[word], _width(len(texts))) for word in ordered]
    ends = _running(0, map(len, sets))
    ends.append(ends[-1] + len(sets[-1]) if sets else 0)
    return (
        len(lines).to_bytes(4, "little") + starts.tobytes() + b"\n" + b"\n".join(lines) + b"\n",
        ends[1:].tobytes() + b"".join(sets),
    )


def _running(first: int, lengths: Iterator[int]) -> array[int]:
    found, at = array("I"), first
    for length in lengths:
        found.append(at)
        at += length
    return found


def _width(texts: int) -> int:
    return (texts + 7) // 8


def _packed(numbers: list[int], width: int) -> bytes:
    if 2 * len(numbers) < width:
        return array("H", numbers).tobytes()
    bits = bytearray(width)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return bytes(bits)


class Lines:
    """The first value, opened."""

    __slots__ = ("_base", "_data", "_starts", "count")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.count = int.from_bytes(data[:4], "little")
        self._base = 4 + 4 * self.count
        self._starts: array[int] | None = None  # opened at the first find: most volumes have none

    def has(self, piece: bytes) -> bool:
        """Whether any line has it."""
        return self._data.find(piece, self._base) >= 0

    def having(self, piece: bytes) -> Iterator[int]:
        """The numbers of the words in which ``piece`` stands; with LF at its ends, those that begin or end with it."""
        starts = self._opened()
        lead = self._base - piece.startswith(b"\n")  # an LF before a word is not in it
        position = self._data.find(piece, self._base)
        while position >= 0:
            number = bisect_right(starts, position - lead) - 1
            if number >= self.count:
                return
            yield number
            if number + 1 == self.count:
                return
            position = self._data.find(piece, self._base + starts[number + 1] - 1)

    def _opened(self) -> array[int]:
        if self._starts is None:
            self._starts = array("I")
            self._starts.frombytes(self._data[4 : self._base])
        return self._starts


def united(numbers: Iterator[int], words: int, sets: bytes, texts: int) -> int:
    """The texts that have any of these words; ``sets`` is the second value."""
    ends = array("I")
    ends.frombytes(sets[: 4 * words])
    width, everything, base = _width(texts), (1 << texts) - 1, 4 * words
    found = 0
    for number in numbers:
        one = sets[base + (ends[number - 1] if number else 0) : base + ends[number]]
        if len(one) == width:
            found |= int.from_bytes(one, "little")
            if found == everything:
                break
        else:
            for text in array("H", one):
                found |= 1 << text
    return found
