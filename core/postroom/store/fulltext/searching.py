"""Searches one volume after the other: SQL here and there, the rest off the hub."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from typing import Any, NamedTuple

from ..database import Database, Tx
from .needle import Needle
from .texts import Texts
from .volume import BODY_LINES, BODY_SETS, BODY_TEXTS, HEAD_LINES, HEAD_SETS, HEAD_TEXTS
from .words import Lines, united

AT_ONCE = 8  # volumes in memory: about 400 KB of lines each

VOLUMES = (
    "SELECT volume.id, blobs, cut, data FROM volume JOIN volume_piece ON volume_piece.id = volume.id + CAST(? AS BIGINT) WHERE volume.id IN"
)
PIECES = "SELECT id - CAST(? AS BIGINT), data FROM volume_piece WHERE id IN"

Offload = Callable[..., Any]


class Moved(Exception):
    """A volume is not there any more: the index was changed meanwhile."""


class Kind(NamedTuple):
    """Which pieces are looked at."""

    lines: int
    sets: int
    texts: int


IN_BODY = Kind(BODY_LINES, BODY_SETS, BODY_TEXTS)
IN_HEAD = Kind(HEAD_LINES, HEAD_SETS, HEAD_TEXTS)


class Hits(NamedTuple):
    """Blobs that have the string, and blobs of whose text only the beginning is kept, which does not have it."""

    found: set[int]
    unsure: set[int]


class _Open:
    """One volume during a search."""

    __slots__ = ("blobs", "candidates", "cut", "id", "lines")

    def __init__(self, volume_id: int, blobs: bytes, cut: bytes, lines: bytes) -> None:
        self.id = volume_id
        self.blobs, self.cut = array("q"), array("H")
        self.blobs.frombytes(blobs)
        self.cut.frombytes(cut)
        self.lines = Lines(lines)
        self.candidates = (1 << len(self.blobs)) - 1

    def chosen(self, bits: int) -> Iterable[int]:
        """The blobs that ``bits`` stand for."""
        return compress(self.blobs, map(int, reversed(f"{bits:b}")))

    def gather(self, bits: int, hits: Hits) -> None:
        """Note the outcome for this volume."""
        hits.found.update(self.chosen(bits))
        hits.unsure.update({self.blobs[number] for number in self.cut if not bits >> number & 1})


class Search:
    """One string, looked for in the pieces of one kind of some volumes. ``field``: only in the header field of this name."""

    def __init__(self, db: Database, offload: Offload, needle: Needle, kind: Kind, field: str = "") -> None:
        self.db, self.offload, self.needle, self.kind = db, offload, needle, kind
        self.pattern = needle.field(field) if field else None

    def run(self, volume_ids: Sequence[int], check: Callable[[], None]) -> Hits:
        """The blobs that have it. ``check`` is called now and then and may raise. Raises Moved."""
        hits = Hits(set(), set())
        for start in range(0, len(volume_ids), AT_ONCE):
            check()
            self._some(volume_ids[start : start + AT_ONCE], hits)
        return hits

    def _some(self, volume_ids: Sequence[int], hits: Hits) -> None:
        rows = _rows(self.db, VOLUMES, self.kind.lines, volume_ids)
        volumes: list[_Open] = [_Open(*map(_plain, row)) for row in rows]
        likely: list[_Open] = self.offload(self._likely, volumes)
        sets = _pieces(self.db, self.kind.sets, likely) if self.needle.hints else {}
        bits: dict[int, int] = self.offload(self._narrow, likely, sets)
        if not (self.needle.exact and self.pattern is None):
            left = [volume for volume in likely if bits[volume.id]]
            for one in left:  # by one: a volume's texts are some megabytes
                found = _pieces(self.db, self.kind.texts, [one])[one.id]
                bits[one.id] &= self.offload(self._look_up, found)
        for volume in volumes:
            volume.gather(bits.get(volume.id, 0), hits)

    def _likely(self, volumes: list[_Open]) -> list[_Open]:
        return [volume for volume in volumes if all(map(volume.lines.has, self.needle.hints))]

    def _narrow(self, volumes: list[_Open], sets: dict[int, bytes]) -> dict[int, int]:
        return {volume.id: self._candidates(volume, sets.get(volume.id, b"")) for volume in volumes}

    def _candidates(self, volume: _Open, sets: bytes) -> int:
        bits = volume.candidates
        for hint in self.needle.hints:
            if not bits:
                break
            bits &= united(volume.lines.having(hint), volume.lines.count, sets, len(volume.blobs))
        return bits

    def _look_up(self, packed: bytes) -> int:
        opened = Texts(packed)
        return opened.having(self.needle.data) if self.pattern is None else opened.matching(self.pattern)


def _pieces(db: Database, kind: int, volumes: Sequence[_Open]) -> dict[int, bytes]:
    ids = [volume.id for volume in volumes]
    return {row[0]: bytes(row[1]) for row in _rows(db, PIECES, kind, [one + kind for one in ids])} if ids else {}


def _rows(db: Database, sql: str, kind: int, ids: Sequence[int]) -> list[tuple[Any, ...]]:
    marks = ", ".join("?" * len(ids))

    def work(tx: Tx) -> list[tuple[Any, ...]]:
        return tx.execute(f"{sql} ({marks})", (kind, *ids))

    rows = db.read_slow(work)
    if len(rows) != len(ids):
        raise Moved
    return rows


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, (memoryview, bytearray)) else value
