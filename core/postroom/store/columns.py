"""A mailbox as parallel columns: one immutable snapshot, made once and shared by all sessions of a worker that look at it.

A snapshot has a ``modseq``: it shows everything up to that change, and perhaps some of what came later, which the next delta shows
again. So it is made in this order: the mailbox's modseq, its messages, what was expunged.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .database import Row
from .uids import UidRanges

FIELDS = "uid, flags, modseq, size, received_at, saved_at, blob_id, own, keywords"  # of table message, as rows have them here
COLUMNS = ("uids", "flags", "modseqs", "sizes", "received", "saved", "blobs", "own")
STRETCH = 1024  # messages of which the highest modseq is looked at first

Change = tuple[int, int, str, int]  # UID, flags, keywords, modseq


class Delta(NamedTuple):
    """How a newer snapshot differs from an older one."""

    modseq: int  # of the newer
    uidnext: int
    changed: list[Change]  # what is different or new, ascending
    vanished: list[int]  # UIDs, ascending
    complete: bool = True  # False when more may have vanished: expunges that far back are forgotten


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The messages of a mailbox in the order of UIDs; index n of each column is one message."""

    mailbox_id: int
    modseq: int
    uidnext: int
    uids: array[int]
    flags: bytes  # system flags as the column ``flags`` holds them
    modseqs: array[int]
    sizes: array[int]  # bytes
    received: array[int]  # ms
    saved: array[int]  # ms
    blobs: array[int]  # ids of the blobs
    own: bytes  # 1 where answers kept for the blob do not apply
    keywords: dict[int, str]  # UID -> keywords separated by spaces, where there are any
    memo: dict[Any, Any] = field(default_factory=dict)  # what was computed of this very set of messages, whatever their flags
    held: dict[Any, tuple[array[int], Any]] = field(default_factory=dict)  # computed columns and whose they are, of snapshots before too

    def __len__(self) -> int:
        """How many messages."""
        return len(self.uids)

    def position(self, uid: int) -> int:
        """The index of a message, -1 when there is none of that UID."""
        index = bisect_left(self.uids, uid)
        return index if index < len(self.uids) and self.uids[index] == uid else -1

    def since(self, modseq: int) -> list[Change]:
        """UID, flags, keywords and modseq of messages with a higher modseq."""
        words, found = self.keywords, list[Change]()
        for start in range(0, len(self.modseqs), STRETCH):
            modseqs = self.modseqs[start : start + STRETCH]
            if max(modseqs) > modseq:  # most stretches of a large mailbox have nothing new: twice as fast as to look at each message
                found += [
                    (self.uids[index], self.flags[index], words.get(self.uids[index], ""), one)
                    for index, one in enumerate(modseqs, start)
                    if one > modseq
                ]
        return found


def empty(mailbox_id: int) -> Columns:
    """A mailbox before its first message."""
    wide = (array("Q"), array("Q"), array("q"), array("q"), array("q"))
    return Columns(mailbox_id, 0, 1, array("I"), b"", *wide, b"", {})


def extended(old: Columns, rows: Sequence[Row], modseq: int, uidnext: int) -> Columns:
    """The snapshot with ``rows`` (FIELDS) after its last message."""
    if not rows:
        return _anew(old, modseq=modseq, uidnext=uidnext)
    uids, flags, modseqs, sizes, received, saved, blobs, own, words = zip(*rows, strict=True)
    return Columns(
        old.mailbox_id,
        modseq,
        uidnext,
        old.uids + array("I", uids),
        old.flags + bytes(flags),
        old.modseqs + array("Q", modseqs),
        old.sizes + array("Q", sizes),
        old.received + array("q", received),
        old.saved + array("q", saved),
        old.blobs + array("q", blobs),
        old.own + bytes(own),
        _worded(old.keywords, zip(uids, words, strict=True)),
        held=old.held,
    )


def joined(pieces: Sequence[Columns], modseq: int, uidnext: int) -> Columns:
    """One snapshot of several of one mailbox, each with higher UIDs than the one before."""
    whole: dict[str, Any] = {name: getattr(pieces[0], name)[:0] for name in COLUMNS}
    for name, column in whole.items():
        parts = [getattr(piece, name) for piece in pieces]
        if isinstance(column, bytes):
            whole[name] = column.join(parts)
            continue
        for part in parts:
            column.extend(part)
    keywords = {uid: words for piece in pieces for uid, words in piece.keywords.items()}
    return _anew(pieces[0], **whole, modseq=modseq, uidnext=uidnext, keywords=keywords, memo={}, held={})


def renewed(
    old: Columns, touched: Sequence[Change], fresh: Sequence[Row], gone: Sequence[int], stamp: tuple[int, int]
) -> tuple[Columns, Delta]:
    """The snapshot after other flags, new messages (FIELDS) and expunges, and the delta; ``stamp``: modseq and uidnext.

    The delta tells all that was read, even what the snapshot knew already: who comes from elsewhere may not know it.
    """
    lost = set(gone)
    columns, news = flagged(without(old, lost), sorted(touched), stamp[0])
    stays = [row for row in fresh if row[0] not in lost]
    columns = extended(columns, stays, *stamp)
    return columns, Delta(*stamp, news + [(row[0], row[1], row[8], row[2]) for row in stays], sorted(lost))


def chained(deltas: Iterable[tuple[int, Delta]], since: int) -> Delta | None:
    """One delta of several (each with the modseq that it begins with, in order) from ``since`` on; None when they do not go so far back."""
    parts: list[Delta] = []
    for before, delta in reversed(list(deltas)):
        parts.append(delta)
        if before <= since:
            return parts[0] if len(parts) == 1 else _merged(parts[::-1])
    return None


def _merged(parts: list[Delta]) -> Delta:
    vanished = sorted({uid for part in parts for uid in part.vanished})
    changed = {change[0]: change for part in parts for change in part.changed}
    for uid in vanished:
        changed.pop(uid, None)
    return Delta(parts[-1].modseq, parts[-1].uidnext, sorted(changed.values()), vanished)


def missing(columns: Columns, asked: UidRanges) -> UidRanges:
    """Which of these UIDs the mailbox does not have."""
    found: UidRanges = []
    for first, last in asked:
        start = first
        for uid in columns.uids[bisect_left(columns.uids, first) : bisect_right(columns.uids, last)]:
            if uid > start:
                found.append((start, uid - 1))
            start = uid + 1
        if start <= last:
            found.append((start, last))
    return found


def flagged(old: Columns, changes: Sequence[Change], modseq: int) -> tuple[Columns, list[Change]]:
    """The snapshot with other flags (UID, flags, keywords, modseq), and those of ``changes`` whose messages it has."""
    if not changes:
        return old, []
    flags, modseqs = bytearray(old.flags), old.modseqs[:]
    news, words = [], []
    for change in changes:
        index = old.position(change[0])
        if index < 0 or modseqs[index] > change[3]:
            continue
        flags[index], modseqs[index] = change[1], change[3]
        news.append(change)
        if change[2] or old.keywords:
            words.append((change[0], change[2]))
    if not news:
        return _anew(old, modseq=modseq), news
    keywords = _worded(old.keywords, words)
    return _anew(old, modseq=modseq, flags=bytes(flags), modseqs=modseqs, keywords=keywords), news


def without(old: Columns, uids: Iterable[int]) -> Columns:
    """The snapshot without these messages; those that it does not have do not matter."""
    gone = sorted(index for uid in set(uids) if (index := old.position(uid)) >= 0)
    if not gone:
        return old
    keywords = old.keywords
    if keywords:
        lost = {old.uids[index] for index in gone}
        keywords = {uid: words for uid, words in keywords.items() if uid not in lost}
    stays = between(gone, len(old))
    fresh = {name: cut(getattr(old, name), stays) for name in COLUMNS}
    return _anew(old, **fresh, keywords=keywords, memo={})


def between(gone: list[int], count: int) -> list[slice]:
    """What is left of ``count`` rows without these."""
    starts = [0, *(index + 1 for index in gone)]
    return [slice(start, end) for start, end in zip(starts, [*gone, count], strict=True) if start < end]


def cut(column: Any, stays: list[slice]) -> Any:
    """The parts of a column; ``column[:0]`` is an empty one of its kind."""
    if isinstance(column, bytes):
        return b"".join(column[part] for part in stays)
    kept = column[:0]
    for part in stays:
        kept.extend(column[part])
    return kept


def _worded(old: dict[int, str], words: Iterable[tuple[int, str]]) -> dict[int, str]:
    """The keywords with these changes; the same object when there are none."""
    changes = [(uid, text) for uid, text in words if old.get(uid, "") != text]
    if not changes:
        return old
    fresh = dict(old)
    shared: dict[str, str] = {}  # many messages have the same few, and a row brings a text of its own
    for uid, text in changes:
        if text:
            fresh[uid] = shared.setdefault(text, text)
        else:
            fresh.pop(uid, None)
    return fresh


def _anew(old: Columns, **changes: Any) -> Columns:
    """``dataclasses.replace`` at a third of its cost; memo and held go along unless others are given."""
    values = {name: getattr(old, name) for name in Columns.__slots__}
    return Columns(**(values | changes))
