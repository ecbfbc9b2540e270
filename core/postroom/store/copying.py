"""Messages are copied and moved between mailboxes: all of them, or none."""

from __future__ import annotations

import time
from collections.abc import Iterable

from .appending import COLUMNS
from .database import Conflict, Row, Tx
from .expunge import expunge
from .keywords import joined, spelled
from .uids import HIGHEST, Clause, clauses, ranges

Pairs = list[tuple[int, int]]  # (UID in the source, UID in the target), ascending

TARGET = "SELECT uidnext, modseq, keywords FROM mailbox WHERE id = ?"
LOCK_BOTH = "SELECT id FROM mailbox WHERE id IN (?, ?) ORDER BY id FOR UPDATE"  # PostgreSQL: in one order, or two copies block each other

CHOSEN = "SELECT uid, flags, size, keywords FROM message WHERE mailbox_id = ? AND uid < ? AND {clause} ORDER BY uid"
COPY = (
    f"INSERT INTO message ({COLUMNS}) SELECT CAST(? AS BIGINT), CAST(? AS BIGINT) + row_number() OVER (ORDER BY uid), CAST(? AS BIGINT),"
    " blob_id, size, prefix, {fresh}, 0, trace, CAST(? AS BIGINT), email, own, 0 FROM message WHERE mailbox_id = ? AND uid < ? AND {clause}"
)
AS_WAS, AS_NEW = "received_at, flags, keywords", "CAST(? AS BIGINT), 0, ''"
COUNT = (
    "UPDATE mailbox SET uidnext = uidnext + ?, modseq = ?, messages = messages + ?, unseen = unseen + ?, deleted = deleted + ?,"
    " bytes = bytes + ?, keywords = ? WHERE id = ?"
)
SPELL = "UPDATE message SET keywords = ? WHERE mailbox_id = ? AND uid >= ? AND keywords = ?"


def copy(
    tx: Tx,
    source_id: int,
    uids: Iterable[int] | Iterable[tuple[int, int]],
    target_id: int,
    *,
    keep_dates_and_flags: bool = True,
    at: int | None = None,
) -> Pairs:
    """Copy messages, given as UIDs or ranges of UIDs, in the order of UIDs; those that are gone are left out.

    ``keep_dates_and_flags``: else the copies have just arrived. ``at``: ms, now when not given. Keywords for which the target has no
    room are left out. Raises Conflict when the target is gone.
    """
    if tx.dialect == "postgresql":
        tx.execute(LOCK_BOTH, (source_id, target_id))
    box = tx.one(TARGET, (target_id,))
    if box is None:
        raise Conflict(f"there is no mailbox {target_id} any more")
    now = int(time.time() * 1000) if at is None else at
    below = box[0] if source_id == target_id else HIGHEST + 1  # the copies themselves are not copied
    rows: list[Row] = []
    for clause in clauses(ranges(uids)):
        place = (target_id, box[0] + len(rows) - 1, box[1] + 1, now)
        rows += _copy(tx, clause, (source_id, below), place, keep_dates_and_flags)
    if rows:
        known = spell(tx, target_id, box[0], box[2], {row[3] for row in rows if row[3]}) if keep_dates_and_flags else box[2]
        tx.do(COUNT, (len(rows), box[1] + 1, *_counts(rows, keep_dates_and_flags), known, target_id))
    return [(row[0], box[0] + index) for index, row in enumerate(rows)]


def move(tx: Tx, source_id: int, uids: Iterable[int] | Iterable[tuple[int, int]], target_id: int, *, at: int | None = None) -> Pairs:
    """The same, and the messages leave the source (RFC 6851). Raises Conflict when the target is gone."""
    now = int(time.time() * 1000) if at is None else at
    pairs = copy(tx, source_id, uids, target_id, at=now)
    expunge(tx, source_id, [old for old, _ in pairs], recover=False, at=now)
    return pairs


def spell(tx: Tx, target_id: int, first: int, known: str, texts: set[str]) -> str:
    """Let the target know the keywords of the copies, from UID ``first``, and spell them as it does; all that it knows now."""
    for text in sorted(texts):
        known, words = spelled(known, text.split(), drop=True)
        if (here := joined(words)) != text:
            tx.do(SPELL, (here, target_id, first, text))
    return known


def _copy(tx: Tx, clause: Clause, source: tuple[int, int], place: tuple[int, int, int, int], keep: bool) -> list[Row]:
    """Copy one piece. ``source``: mailbox and the UID below which it is looked at; ``place``: mailbox, highest UID so far, modseq, time."""
    rows = tx.execute(CHOSEN.format(clause=clause[0]), (*source, *clause[1]))
    if rows:
        fresh = () if keep else (place[3],)
        sql = COPY.format(fresh=AS_WAS if keep else AS_NEW, clause=clause[0])
        tx.do(sql, (*place[:3], *fresh, place[3], *source, *clause[1]))
    return rows


def _counts(rows: list[Row], keep: bool) -> tuple[int, int, int, int]:
    """Messages, unseen, deleted, bytes."""
    size = sum(row[2] for row in rows)
    if not keep:
        return len(rows), len(rows), 0, size
    return len(rows), sum(1 - (row[1] & 1) for row in rows), sum(row[1] >> 3 & 1 for row in rows), size
