"""Data items that the columns of a mailbox hold: FLAGS, UID, dates, sizes; and EMAILID."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from postroom.store.uids import ascending, clauses

from ..grammar.writing import FLAG_WORDS, date_time, flags

if TYPE_CHECKING:
    from postroom.store.database import Tx

    from .batch import Batch, Column

DAY = 86_400_000
WORDS = [words.encode() for words in FLAG_WORDS]
RECENT_WORDS = [flags(bits, recent=True).encode() for bits in range(32)]
EMAILS = "SELECT uid, email FROM message WHERE mailbox_id = ? AND"
NEVER = 1 << 32


def _uid(batch: Batch) -> Column:
    return b"UID %d", [batch.uids]


def _flags(batch: Batch) -> Column:
    batch.view.told(batch.uids, batch.columns.modseq)
    return b"FLAGS (%b)", [flag_words(batch)]


def flag_words(batch: Batch) -> list[bytes]:
    """The flags of each message."""
    keywords, bits, uids = batch.columns.keywords, batch.take(batch.columns.flags), batch.uids
    recent = NEVER if batch.session.rev2 else batch.view.recent
    if not keywords:
        split = bisect_left(uids, recent)
        return [*map(WORDS.__getitem__, bits[:split]), *map(RECENT_WORDS.__getitem__, bits[split:])]
    return [flags(one, keywords.get(uid, ""), recent=uid >= recent).encode("ascii", "replace") for one, uid in zip(bits, uids, strict=True)]


def _received(batch: Batch) -> Column:
    return b"INTERNALDATE %b", [_dates(batch.take(batch.columns.received))]


def _saved(batch: Batch) -> Column:
    return b"SAVEDATE %b", [_dates(batch.take(batch.columns.saved))]


def _dates(moments: Iterable[int]) -> list[bytes]:
    return [b'"%b %02d:%02d:%02d +0000"' % _moment(moment) for moment in moments]


def _moment(moment: int) -> tuple[bytes, int, int, int]:
    day, rest = divmod(moment, DAY)
    seconds = rest // 1000
    return _day(day), seconds // 3600, seconds // 60 % 60, seconds % 60


@lru_cache(maxsize=4096)
def _day(day: int) -> bytes:
    return date_time(day * DAY).partition(":")[0][:-3].encode()


def _sizes(batch: Batch) -> Column:
    return b"RFC822.SIZE %d", [batch.take(batch.columns.sizes)]


def _modseq(batch: Batch) -> Column:
    return b"MODSEQ (%d)", [batch.take(batch.columns.modseqs)]


def _email(batch: Batch) -> Column:
    """Equal messages have equal ids, in all mailboxes (RFC 8474 section 5.1)."""

    def work(tx: Tx) -> dict[int, int]:
        wanted = clauses(ascending(batch.uids))
        return dict(row for clause, params in wanted for row in tx.execute(f"{EMAILS} {clause}", (batch.mailbox_id, *params)))

    found = batch.session.context.db.read(work)
    return b"EMAILID (M%x)", [[found.get(uid, 0) for uid in batch.uids]]


def seen_words(batch: Batch) -> list[bytes]:
    r"""The flags of messages that have just become \Seen, where nobody has asked for flags (RFC 9051 section 6.4.5); b"" for others."""
    batch.view.told(batch.seen, batch.columns.modseq)
    modseqs = batch.columns.modseqs if batch.session.condstore else None  # RFC 7162 section 3.1: with each change of flags
    told = []
    for uid, words, row in zip(batch.uids, flag_words(batch), batch.rows, strict=True):
        change = b" MODSEQ (%d)" % modseqs[row] if modseqs is not None else b""
        told.append(b" FLAGS (%b)%b" % (words, change) if uid in batch.seen else b"")
    return told


FACTS: dict[str, Callable[[Batch], Column]] = {
    "UID": _uid,
    "FLAGS": _flags,
    "INTERNALDATE": _received,
    "SAVEDATE": _saved,
    "RFC822.SIZE": _sizes,
    "MODSEQ": _modseq,
    "EMAILID": _email,
}
