"""The texts of one volume, one after the other, compressed: what the words alone cannot decide is looked up here. No I/O."""

from __future__ import annotations

import re
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence

LEVEL = 1  # a sixth of the time of level 6 for a tenth more bytes
END = b"\0"  # behind each text, in none of them


def pack(texts: Sequence[str]) -> bytes:
    """The texts as one value."""
    encoded = [text.encode("utf-8", "replace") + END for text in texts]
    ends, at = array("I"), 0
    for one in encoded:
        at += len(one)
        ends.append(at)
    return len(encoded).to_bytes(4, "little") + zlib.compress(ends.tobytes() + b"".join(encoded), LEVEL)


class Texts:
    """The value, opened."""

    __slots__ = ("_ends", "data")

    def __init__(self, packed: bytes) -> None:
        count = int.from_bytes(packed[:4], "little")
        whole = zlib.decompress(packed[4:])
        self._ends = array("I")
        self._ends.frombytes(whole[: 4 * count])
        self.data = whole[4 * count :]

    def all(self) -> list[str]:
        """Each text."""
        starts = [0, *self._ends[:-1]]
        return [self.data[start : end - 1].decode() for start, end in zip(starts, self._ends, strict=True)]

    def having(self, piece: bytes) -> int:
        """The texts in which ``piece`` stands, one bit for each."""
        return self._gathered(lambda at: self.data.find(piece, at))

    def matching(self, pattern: re.Pattern[bytes]) -> int:
        """The texts in which ``pattern`` finds something, one bit for each; it must not match END."""

        def find(at: int) -> int:
            found = pattern.search(self.data, at)
            return found.start() if found else -1

        return self._gathered(find)

    def _gathered(self, find: Callable[[int], int]) -> int:
        found, position = 0, find(0)
        while 0 <= position < len(self.data):
            text = bisect_right(self._ends, position)
            found |= 1 << text
            position = find(self._ends[text])
        return found
