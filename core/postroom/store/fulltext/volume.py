"""A volume of the full-text index: up to 1,024 messages of one account, with their words and texts. Made here, and put into its tables."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from postroom.ids import new_id
from postroom.mail.wording import Wording

from ..database import Conflict, Tx
from . import texts, words
from .needle import head
from .places import REMOVE_PIECES

MOST_MESSAGES = 1024
MOST_TEXT = 4 * 1024 * 1024  # characters, roughly: a volume is in memory as a whole when it is made

# Kinds of pieces. The id of a piece is that of its volume, which is divisible by 8, plus the kind: SQLite seeks among large values quickly
# only where the key is one integer
BODY_LINES, BODY_SETS, HEAD_LINES, HEAD_SETS, BODY_TEXTS, HEAD_TEXTS = range(6)

ADD = "INSERT INTO volume (id, account_id, messages, gone, size, blobs, cut) VALUES (?, ?, ?, 0, ?, ?, ?)"
ADD_PIECE = "INSERT INTO volume_piece (id, data) VALUES (?, ?)"
PLACE = (
    "INSERT INTO volume_place (blob_id, account_id, volume_id) SELECT id, CAST(? AS BIGINT), CAST(? AS BIGINT) FROM blob WHERE id = ?"
    " ON CONFLICT (blob_id, account_id) DO NOTHING"
)
MOVE = "UPDATE volume_place SET volume_id = ? WHERE blob_id = ? AND account_id = ?"
REMOVE = "DELETE FROM volume WHERE id = ? AND gone = ? RETURNING id"


class Leaf(NamedTuple):
    """A message as the index keeps it."""

    blob_id: int
    head: str  # its fields and those of its parts
    body: str
    whole: bool  # False: the message has more text than that

    @property
    def size(self) -> int:
        """Characters of text."""
        return len(self.head) + len(self.body)


def leaf(blob_id: int, found: Wording) -> Leaf:
    """A message from its words."""
    return Leaf(blob_id, head(found.header, found.mime), found.body, found.whole)


class Volume(NamedTuple):
    """A volume that is ready to be stored."""

    id: int
    account_id: int
    leaves: int
    size: int
    blobs: bytes
    cut: bytes
    pieces: tuple[bytes, ...]


def bind(account_id: int, leaves: Sequence[Leaf]) -> Volume:
    """Make a volume: a tenth of a second for 1,024 ordinary messages, so not on the hub."""
    bodies, heads = [one.body for one in leaves], [one.head for one in leaves]
    pieces = (*words.build(bodies), *words.build(heads), texts.pack(bodies), texts.pack(heads))
    cut = array("H", [number for number, one in enumerate(leaves) if not one.whole])
    blobs = array("q", [one.blob_id for one in leaves])
    return Volume(new_id() & ~7, account_id, len(leaves), sum(one.size for one in leaves), blobs.tobytes(), cut.tobytes(), pieces)


def store(tx: Tx, volume: Volume) -> None:
    """Put a new volume into the index. Messages that are in another volume stay there."""
    _insert(tx, volume)
    tx.many(PLACE, [(volume.account_id, volume.id, blob_id) for blob_id in _ids(volume.blobs)])


def replace(tx: Tx, old: Sequence[tuple[int, int]], volume: Volume | None) -> None:
    """Put a volume in the place of others, given as id and ``gone``. Raises Conflict when one of them has changed meanwhile."""
    for volume_id, gone in old:
        if tx.one(REMOVE, (volume_id, gone)) is None:
            raise Conflict("a volume of the full-text index has changed")
        tx.do(REMOVE_PIECES, (volume_id, volume_id + 7))
    if volume is not None:
        _insert(tx, volume)
        tx.many(MOVE, [(volume.id, blob_id, volume.account_id) for blob_id in _ids(volume.blobs)])


def _insert(tx: Tx, volume: Volume) -> None:
    tx.do(ADD, (volume.id, volume.account_id, volume.leaves, volume.size, volume.blobs, volume.cut))
    tx.many(ADD_PIECE, [(volume.id + kind, data) for kind, data in enumerate(volume.pieces)])


def _ids(blobs: bytes) -> list[int]:
    found = array("q")
    found.frombytes(blobs)
    return found.tolist()
