"""Puts small volumes together and writes those anew of which half is gone, so that a search has few to look at."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from ..database import Conflict, Database, Tx
from . import places
from .places import Held
from .texts import Texts
from .volume import BODY_TEXTS, HEAD_TEXTS, MOST_MESSAGES, MOST_TEXT, Leaf, Volume, bind, replace

FANOUT = 8  # volumes of about one size are put together when there are so many
FULL = 512  # one with so many messages is left alone
TYPICAL = MOST_TEXT // MOST_MESSAGES  # characters of a message; longer ones count for several

CONTENT = "SELECT id - CAST(? AS BIGINT), data FROM volume_piece WHERE id IN (?, ?)"
LEAVES = "SELECT blobs, cut FROM volume WHERE id = ?"

Offload = Callable[..., Any]


def weight(volume: Held) -> int:
    """How large a volume is: in messages of ordinary length."""
    return max(volume.messages, volume.size // TYPICAL)


def due(shelf: Sequence[Held]) -> list[Held]:
    """The volumes of an account that are to become one now; [] when all is well."""
    for volume in shelf:
        if volume.gone * 2 > volume.messages:
            return [volume]
    tiers: dict[int, list[Held]] = {}
    for volume in shelf:
        if weight(volume) < FULL:
            tiers.setdefault(_tier(weight(volume)), []).append(volume)
    for _, tier in sorted(tiers.items()):
        if len(tier) >= FANOUT:
            return _that_fit(tier)
    return []


def merge(db: Database, offload: Offload, account_id: int) -> bool:
    """Do what is due for an account, once. False when nothing was."""
    chosen = due(places.shelf(db, account_id))
    if not chosen:
        return False
    leaves = [leaf for volume in chosen for leaf in _leaves(db, offload, account_id, volume.id)]
    whole: Volume | None = offload(bind, account_id, leaves) if leaves else None
    old = [(volume.id, volume.gone) for volume in chosen]
    try:
        db.write(lambda tx: replace(tx, old, whole))
    except Conflict:  # a message has gone meanwhile; next time
        return False
    return True


def _tier(size: int) -> int:
    return (max(size, 1).bit_length() - 1) // 3  # 1 to 7, 8 to 63, 64 to 511


def _that_fit(tier: list[Held]) -> list[Held]:
    """As many as one volume can take, the oldest first: two at least, since each has less than half of it."""
    chosen, messages = [], 0
    for volume in tier:
        messages += weight(volume)
        if messages > MOST_MESSAGES:
            break
        chosen.append(volume)
    return chosen


def _leaves(db: Database, offload: Offload, account_id: int, volume_id: int) -> list[Leaf]:
    """The messages of a volume that are still there."""

    def work(tx: Tx) -> tuple[bytes, bytes, dict[int, bytes]] | None:
        row = tx.one(LEAVES, (volume_id,))
        content = tx.execute(CONTENT, (volume_id, volume_id + BODY_TEXTS, volume_id + HEAD_TEXTS))
        return None if row is None else (bytes(row[0]), bytes(row[1]), {kind: bytes(data) for kind, data in content})

    found = db.read_slow(work)
    if found is None or len(found[2]) != 2:
        return []
    leaves: list[Leaf] = offload(_opened, *found)
    here = places.of(db, account_id, [leaf.blob_id for leaf in leaves])
    return [leaf for leaf in leaves if here.get(leaf.blob_id) == volume_id]


def _opened(blobs: bytes, cut: bytes, content: dict[int, bytes]) -> list[Leaf]:
    ids, torn = array("q"), array("H")
    ids.frombytes(blobs)
    torn.frombytes(cut)
    partly = set(torn)
    rows = zip(ids, Texts(content[HEAD_TEXTS]).all(), Texts(content[BODY_TEXTS]).all(), strict=True)
    return [Leaf(blob_id, head, body, number not in partly) for number, (blob_id, head, body) in enumerate(rows)]
